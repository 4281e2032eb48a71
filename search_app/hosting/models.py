"""Models by name: each is opened once, however many collections have their vectors from it, and closed when idle."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Encoder, Preparer, SentenceEncoder
from search_app.errors import EncoderError


class Closable(Protocol):
    """What lies on a shelf."""

    def close(self) -> None:
        """Give it back."""
        ...


M = TypeVar("M", bound=Closable)


@dataclass(slots=True)
class _Place(Generic[M]):
    """One model, or the room for it."""

    model: M | None = None
    borrowers: int = 0
    """Those who wait for it to be opened are counted too."""
    given_back: float = 0.0
    opening: threading.Lock = field(default_factory=threading.Lock)


MOST_SPARE = 2


class ModelShelf(Generic[M]):
    """Lends models; safe to use from several threads.

    One that nobody has borrowed stays open for `idle_seconds`, so that whoever switches back to it does not wait;
    `MOST_SPARE` of them at most, those that were given back last.
    """

    def __init__(
        self, open_model: Callable[[str], M], idle_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._open, self._idle_seconds, self._clock = open_model, idle_seconds, clock
        self._places: dict[str, _Place[M]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def borrow(self, name: str) -> M:
        """The model of this name, opened where it is not; each call asks for one `give_back`.

        Raises what opening raises, to all who wait for it; then there is nothing to give back.
        """
        with self._lock:
            if self._is_closed:
                raise EncoderError(f"model {name} was closed: the service is being stopped")
            place = self._places.setdefault(name, _Place())
            place.borrowers += 1
        try:
            with place.opening:
                if place.model is None:
                    place.model = self._open(name)
                return place.model
        except BaseException:
            self.give_back(name)
            raise

    def give_back(self, name: str) -> None:
        """Say that a borrower needs it no more."""
        with self._lock:
            place = self._places[name]
            place.borrowers -= 1
            place.given_back = self._clock()
            spare = self._spare()
            failed = [name for name in spare if self._places[name].model is None]
            self._close(spare if self._is_closed else [*failed, *spare[MOST_SPARE:]])

    def sweep(self) -> None:
        """Close what nobody has borrowed for a while."""
        with self._lock:
            before = self._clock() - self._idle_seconds
            self._close([name for name in self._spare() if self._places[name].given_back <= before])

    def clear(self) -> None:
        """Close what nobody has borrowed, now: one of them gave a wrong answer, and is to be opened anew."""
        with self._lock:
            self._close(self._spare())

    def names(self) -> list[str]:
        """The models that are open."""
        with self._lock:
            return [name for name, place in self._places.items() if place.model is not None]

    def close(self) -> None:
        """Close what nobody has borrowed now, and the others as they come back."""
        with self._lock:
            self._is_closed = True
            self._close(self._spare())

    def _spare(self) -> list[str]:
        """What nobody has borrowed, the last one given back first."""
        spare = [name for name, place in self._places.items() if not place.borrowers]
        return sorted(spare, key=lambda name: self._places[name].given_back, reverse=True)

    def _close(self, names: Sequence[str]) -> None:
        # Under the lock: who asks for one of them meanwhile waits, and then opens it anew.
        for name in dict.fromkeys(names):
            model = self._places.pop(name).model
            if model is not None:
                model.close()


class LentEncoder:
    """An encoder that belongs to somebody else: `close` gives it back, and the others go on with it."""

    def __init__(self, encoder: Encoder, give_back: Callable[[], None]) -> None:
        self._encoder, self._give_back = encoder, _Once(give_back)

    @property
    def spec(self) -> EncoderSpec:
        """See `Encoder`."""
        return self._encoder.spec

    def prepare(self, image: Image) -> PixelArray:
        """See `Encoder`."""
        return self._encoder.prepare(image)

    @property
    def preparer(self) -> Preparer:
        """See `Encoder`."""
        return self._encoder.preparer

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """See `Encoder`."""
        return self._encoder.encode_images(pixels)

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """See `Encoder`."""
        return self._encoder.encode_texts(texts)

    def close(self) -> None:
        """Give it back; twice does no harm."""
        self._give_back()


class LentSentences:
    """The same for the model of printed words."""

    def __init__(self, sentences: SentenceEncoder, give_back: Callable[[], None]) -> None:
        self._sentences, self._give_back = sentences, _Once(give_back)
        self.fingerprint, self.dim = sentences.fingerprint, sentences.dim

    def encode_sentences(self, texts: Sequence[str]) -> FloatMatrix:
        """See `SentenceEncoder`."""
        return self._sentences.encode_sentences(texts)

    def close(self) -> None:
        """Give it back; twice does no harm."""
        self._give_back()


class _Once:
    def __init__(self, call: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        with self._lock:
            call, self._call = self._call, None
        if call is not None:
            call()


def lend_encoder(shelf: ModelShelf[Encoder], name: str) -> LentEncoder:
    """Borrow an encoder by its name; raises `EncoderError` where it cannot be opened."""
    return LentEncoder(shelf.borrow(name), lambda: shelf.give_back(name))


def lend_sentences(shelf: ModelShelf[SentenceEncoder]) -> LentSentences:
    """Borrow the model of printed words, of which there is one."""
    return LentSentences(shelf.borrow(""), lambda: shelf.give_back(""))
