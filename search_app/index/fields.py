"""Names in an engine: fields of the payload and channels. Imports nothing, as the owner of a shard must start fast."""

PATH = "path"
PATH_BYTES = "path_base64"
"""Stands in for `path` where a file name is not valid Unicode, which no engine stores."""
CONTENT_HASH = "content_hash"
WORDS = "words"
"""Left out wherever words are not asked for: it may be a page of text."""
WORDS_BY = "words_by"
WORDS_SOURCE = "words_source"
WORDS_FIELDS = (WORDS, WORDS_BY, WORDS_SOURCE)

IMAGE = "image"
MEANING = "meaning"
FORM = "form"
