"""CLIP's tokenizer without torch: the same token ids as open_clip's `SimpleTokenizer`, on the library `tokenizers`.

One text differs: one that spells the tokenizer's own marks (`<end_of_text>`) right behind another punctuation mark.
"""

import html
import string
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_app.encoders.lite_runtime import INSTALL
from search_app.errors import MissingDependency

Cleaning: TypeAlias = Literal["lower", "whitespace", "canonicalize"]
"""What happens to a text before it is cut into tokens, by open_clip's names."""
START, END = "<start_of_text>", "<end_of_text>"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class ClipTokenizer:
    """Sentences to token ids; safe to call from several threads."""

    def __init__(self, content: bytes, context_length: int, cleaning: Cleaning) -> None:
        """Load the content of a tokenizer.json; raises `MissingDependency` where a package is not installed."""
        try:
            import ftfy
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingDependency(f"{error.name} is not installed: {INSTALL}") from error
        self._fix = ftfy.fix_text
        self._cleaning = cleaning
        self._length = context_length
        self._tokenizer: Any = Tokenizer.from_buffer(content)
        self._start, self._end = (self._tokenizer.token_to_id(mark) for mark in (START, END))

    def encode(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Token ids (n, context length) from start to end of text, padded with 0; what exceeds the length is cut."""
        ids = np.zeros((len(texts), self._length), np.int64)
        encodings = self._tokenizer.encode_batch([self._clean(text) for text in texts])
        for row, encoding in zip(ids, encodings, strict=True):
            whole = [self._start, *encoding.ids[: self._length - 2], self._end]
            row[: len(whole)] = whole
        return ids

    def lengths(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of each sentence up to the first end of text, (n,)."""
        ends: NDArray[np.int64] = (ids == self._end).argmax(axis=1) + 1
        return ends

    def _clean(self, text: str) -> str:
        text = html.unescape(html.unescape(self._fix(text))).strip()
        if self._cleaning == "canonicalize":
            text = text.replace("_", " ").translate(_NO_PUNCTUATION)
        text = " ".join(text.split())
        return text if self._cleaning == "whitespace" else text.lower()
