"""From the parts of a query to vectors, each checked before it goes anywhere: a broken model is told, not served."""

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.encoders.soundness import checked
from search_app.errors import BadRequest, EncoderError, ImageError
from search_app.images.decode import decode_bytes
from search_app.search.neutral import NEUTRAL_QUERIES

_REMEMBERED = 1_024


class QueryEncoder:
    """The model of the pictures and, opened when first needed, that of the printed words. Safe for several threads."""

    def __init__(self, encoder: Encoder, open_sentences: Callable[[], SentenceEncoder] | None, max_pixels: int) -> None:
        """Without `open_sentences` printed words are not searched by what they mean."""
        self.encoder = encoder
        self._open_sentences, self._max_pixels = open_sentences, max_pixels
        self._sentences: SentenceEncoder | None = None
        self._common: FloatVector = np.zeros(0, np.float32)
        self._opening = threading.Lock()
        self.text = lru_cache(_REMEMBERED)(self._text)
        """A text in the space of the pictures: a unit vector, shape (dim,), that must not be written to."""
        self.sentence = lru_cache(_REMEMBERED)(self._sentence)
        """A text in the space of printed words, without what neutral queries have in common."""

    @property
    def reads_words(self) -> bool:
        """Whether there is a model for printed words."""
        return self._open_sentences is not None

    def texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Texts in the space of the pictures, shape (n, dim); raises `EncoderError` for vectors that cannot be."""
        return checked(self.encoder, self.encoder.encode_texts(texts), len(texts))

    def picture(self, data: bytes) -> FloatVector:
        """The vector of a picture file; raises `BadRequest` where it is none that can be read."""
        spec = self.encoder.spec
        try:
            image = decode_bytes(data, min_size=spec.image_size, max_pixels=self._max_pixels).image
        except ImageError as error:
            raise BadRequest(f"the picture that was sent cannot be used: {error}", "image") from None
        pixels = self.encoder.prepare(image)[None]
        return np.asarray(checked(self.encoder, self.encoder.encode_images(pixels), 1)[0])

    def matches_words(self, fingerprint: str) -> bool:
        """Whether the vectors of a collection's words (`Manifest.words_fingerprint`) are of this model."""
        return fingerprint.startswith(self._open().fingerprint)

    def close(self) -> None:
        """Give back both models."""
        self.encoder.close()
        with self._opening:
            if self._sentences is not None:
                self._sentences.close()
                self._sentences = None

    def _text(self, text: str) -> FloatVector:
        return _kept(self.texts([text])[0])

    def _sentence(self, text: str) -> FloatVector:
        return _kept(self.sentences([text])[0])

    def sentences(self, texts: Sequence[str]) -> FloatMatrix:
        """Texts in the space of printed words, shape (n, dim), without what neutral queries have in common."""
        rows = self._open().encode_sentences(texts) - self._common
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(lengths, 1e-6), np.float32)

    def lines(self, texts: Sequence[str]) -> FloatMatrix:
        """Printed lines as they are, shape (n, dim)."""
        return self._open().encode_sentences(texts)

    def _open(self) -> SentenceEncoder:
        with self._opening:
            if self._sentences is None:
                if self._open_sentences is None:
                    raise EncoderError("this service was opened without a model for printed words")
                self._sentences = self._open_sentences()
                self._common = self._sentences.encode_sentences(NEUTRAL_QUERIES).mean(axis=0)
            return self._sentences


def _kept(vector: FloatVector) -> FloatVector:
    vector.flags.writeable = False  # shared by every later caller with the same text
    return vector
