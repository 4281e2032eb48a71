"""A rebuild shows pictures with the words that were read in them before: those hang on the picture, not the model."""

from itertools import islice

from search_app.datatypes import WordsSpec
from search_app.errors import IndexDamaged, IndexUnavailable
from search_app.index.base import IndexStore, IndexWriter

_AT_ONCE = 500


def carry_words(store: IndexStore, writer: IndexWriter, fingerprint: str) -> None:
    """Give the pictures of `writer` the words that readers see now, as far as they hold the same.

    Only words of this fingerprint (`WordsSpec`) are carried. What cannot be had is left to whoever reads words: a
    rebuild is the remedy for damage, too.
    """
    reader = store.reader()
    try:
        with reader.pinned() as shown:
            manifest = shown.manifest
            if not fingerprint or manifest.words_fingerprint != fingerprint:
                return
            writer.open_words(WordsSpec(fingerprint, manifest.words_dim))
            points = shown.points()
            while batch := list(islice(points, _AT_ONCE)):
                there = writer.fetch([point.id for point in batch])
                hashes = {number: known.picture.content_hash for number, known in there.items()}
                writer.update_words(
                    [each.words for each in batch if each.words and hashes.get(each.id) == each.picture.content_hash]
                )
    except (IndexUnavailable, IndexDamaged):
        return
    finally:
        reader.close()
