"""The reader protocol: a picture becomes the words that are printed in it."""

from typing import Protocol

from PIL.Image import Image

from search_app.datatypes import PrintedWords


class WordReader(Protocol):
    """Reads the text in pictures. Safe to call from several threads; all of them share one set of threads."""

    fingerprint: str
    """Changes whenever the words read from some picture would: package, models and settings."""

    def read(self, image: Image) -> PrintedWords:
        """The lines of text in an RGB picture that stands upright, in reading order; none where there are none.

        Raises `WordsError` where the reader fails on this picture, `EncoderError` where it can read none.
        """
        ...

    def close(self) -> None:
        """Give back memory and threads; the reader cannot be used afterwards."""
        ...
