"""A watchdog over a model: every call has a deadline, and a model that is stuck is replaced by a fresh one.

A call into native code cannot be stopped from outside. So it is left to a thread of its own: whoever asked is told in
time, everybody else is told that a fresh model is being opened, and the stuck one keeps its memory and its core until
it comes back. That is borne twice; the third model that is stuck at the same time ends the process, for its supervisor
(Docker, systemd, `serve --workers`) brings back all of it. What is answered or stored by then is durable.
"""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Encoder, Preparer, SentenceEncoder
from search_app.encoders.soundness import probe_pictures
from search_app.encoders.threads import LeavableThreads, Overdue, outcome
from search_app.errors import EncoderError, EncoderStuck

logger = logging.getLogger(__name__)

MOST_LEFT = 2
"""Stuck models that may be left behind at the same time."""
EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h; uvicorn's parent process takes 3 for a start that never works."""
BATCH = 16
"""So many pictures or texts have the plain deadline; each further so many as much again."""
_SOON = "a fresh one is being opened: ask again soon"
_AGAIN_S = 10.0
_CLOSE_S = 5.0


class Closable(Protocol):
    """What is watched."""

    def close(self) -> None:
        """Give it back."""
        ...


M = TypeVar("M", bound=Closable)
T = TypeVar("T")


def end_process() -> None:
    """End this process at once: a thread that is stuck in native code would hold up any other way to do so."""
    os._exit(EXIT_STATUS)


@dataclass(frozen=True, slots=True)
class Watch:
    """How a model is watched."""

    seconds: float
    """For a call with up to `BATCH` texts or pictures."""
    forget: Callable[[], None] = lambda: None
    """Called before a fresh model is opened: what that one would share with the stuck one has to go."""
    give_up: Callable[[], None] = end_process


class Watchdog(Generic[M]):
    """Holds one model and replaces it when a call does not come back; safe to use from several threads."""

    def __init__(self, open_model: Callable[[], M], fingerprint_of: Callable[[M], str], watch: Watch) -> None:
        """Open the first model here; raises what `open_model` raises."""
        self._open, self._fingerprint_of, self._watch = open_model, fingerprint_of, watch
        self._model: M | None = open_model()
        self._fingerprint = fingerprint_of(self._model)
        self._left: list[Future[Any]] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._threads = LeavableThreads("model")

    @property
    def model(self) -> M:
        """The one that answers now; raises `EncoderStuck` while a fresh one is being opened."""
        model = self._model
        if model is None:
            closed = self._closed.is_set()
            raise EncoderStuck("this model was closed" if closed else f"the model was stuck; {_SOON}")
        return model

    def ask(self, use: Callable[[M], T], count: int) -> T:
        """What `use` makes of the model for `count` texts or pictures.

        Raises `EncoderStuck` where it does not come back in time, and as `model` does.
        """
        model = self.model
        seconds = self._watch.seconds * max(1, -(-count // BATCH))
        future = self._threads.start(lambda: use(model))
        try:
            return outcome(future, seconds)
        except Overdue:
            self._leave(model, future)
            raise EncoderStuck(f"the model gave no answer in {seconds:g} s (SEARCH_MODEL_SECONDS); {_SOON}") from None

    def close(self) -> None:
        """Give the model back, where it lets itself be given back; a stuck one is left as it is."""
        self._closed.set()
        with self._lock:
            model, self._model = self._model, None
        if model is not None:
            try:
                self._threads.run(model.close, _CLOSE_S)
            except Overdue:
                logger.warning("a model is at work still: it is left to the end of the process")
        self._threads.close()

    def _leave(self, model: M, future: "Future[Any]") -> None:
        with self._lock:
            if self._model is not model:
                return  # another call has noticed it
            self._model = None
            self._left = [*(one for one in self._left if not one.done()), future]
            left = len(self._left)
        if left > MOST_LEFT:
            logger.critical("%d models are stuck at the same time: this process ends, to be started again", left)
            self._watch.give_up()
            return
        words = "the model is stuck: it is left behind, %d of at most %d, and opened afresh"
        logger.error(words, left, MOST_LEFT, extra={"event": "model_stuck"})
        threading.Thread(target=self._replace, name="model-opening", daemon=True).start()

    def _replace(self) -> None:
        """Open a fresh model; one that cannot be opened, or is another one by now, is tried again later."""
        while not self._closed.is_set():
            self._watch.forget()
            try:
                fresh = self._open()
            except EncoderError as error:
                logger.error("the model cannot be opened afresh: %s", error)  # noqa: TRY400 - the sentence says it all
            else:
                if self._takes(fresh):
                    return
                fresh.close()
            self._closed.wait(_AGAIN_S)

    def _takes(self, fresh: M) -> bool:
        if self._fingerprint_of(fresh) != self._fingerprint:
            logger.error("the model's files are those of another model by now: bring back those the service began with")
            return False
        with self._lock:
            if self._closed.is_set():
                return False
            self._model = fresh
        logger.warning("a fresh model answers now", extra={"event": "model_replaced"})
        return True


class WatchedEncoder:
    """An encoder under a watchdog; see `Watchdog` for what its calls raise."""

    def __init__(self, open_encoder: Callable[[], Encoder], watch: Watch) -> None:
        """Open the first encoder here; raises what `open_encoder` raises."""
        self._watchdog = Watchdog(open_encoder, lambda encoder: encoder.spec.fingerprint, watch)
        self._spec = self._watchdog.model.spec
        self._is_tested: Encoder | None = None

    @property
    def spec(self) -> EncoderSpec:
        """That of the first one, which all that follow share."""
        return self._spec

    def prepare(self, image: Image) -> PixelArray:
        """Prepare as the encoder does, in the caller's thread: the towers take no part in it."""
        return self._watchdog.model.prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return self._watchdog.model.preparer

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode prepared pictures; the tower of an encoder is put to the test with the first ones it gets."""
        return self._watchdog.ask(lambda encoder: self._tested(encoder).encode_images(pixels), len(pixels))

    def _tested(self, encoder: Encoder) -> Encoder:
        """Raise `EncoderError` where the pictures' tower is broken; at the start it may not be in memory yet."""
        if self._is_tested is not encoder:
            probe_pictures(encoder)
            self._is_tested = encoder
        return encoder

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode sentences."""
        return self._watchdog.ask(lambda encoder: encoder.encode_texts(texts), len(texts))

    def close(self) -> None:
        """Give the encoder back."""
        self._watchdog.close()


class WatchedSentences:
    """A sentence encoder under a watchdog."""

    def __init__(self, open_sentences: Callable[[], SentenceEncoder], watch: Watch) -> None:
        """Open the first one here; raises what `open_sentences` raises."""
        self._watchdog = Watchdog(open_sentences, lambda sentences: sentences.fingerprint, watch)
        self.fingerprint, self.dim = self._watchdog.model.fingerprint, self._watchdog.model.dim

    def encode_sentences(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts."""
        return self._watchdog.ask(lambda sentences: sentences.encode_sentences(texts), len(texts))

    def close(self) -> None:
        """Give the model back."""
        self._watchdog.close()
