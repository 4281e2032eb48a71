"""Which collections are open, with which models: a name leads to one of them, and follows its alias.

A request leases what its name leads to and keeps it to its end. When the alias of an open name is switched, the new
collection is opened and asked a question beside the old one; then the name leads to it, and the old one is closed after
its last request. What cannot be opened changes nothing, but is told.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_app.encoders.base import Encoder
from search_app.encoders.threads import LeavableThreads
from search_app.errors import IndexUnavailable, SearchAppError
from search_app.hosting.failures import Failures
from search_app.hosting.hosted import Hosted, Lease, OpenAdder
from search_app.hosting.leads import END_PATIENCE_S, STOPPING, Leads
from search_app.hosting.models import LentEncoder, ModelShelf, lend_encoder
from search_app.hosting.names import Names, SoleNames
from search_app.search.encoding import QueryEncoder
from search_app.search.query import SearchQuery
from search_app.search.service import SearchService

if TYPE_CHECKING:
    from search_app.ingest.adding.adder import Adder

logger = logging.getLogger(__name__)

QUESTION = SearchQuery("a photograph", limit=1)
"""Asked of what was opened before anybody else asks it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a house opens collections with."""

    open_service: Callable[[str, str], SearchService]
    """Of a collection, with the model of this name; an empty name stands for the model that made the collection."""
    encoders: ModelShelf[Encoder]
    """Where those services borrow their models."""
    max_pixels: int
    """Of a picture that is to be encoded by itself."""
    open_adder: OpenAdder | None = None
    sweep: Callable[[], None] = lambda: None
    """Called now and then: closes what else is idle."""
    close: Callable[[], None] = lambda: None
    """Called at the end: closes what else is open."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How many collections are open, and for how long."""

    most_open: int = 8
    """One that is to take another's place is open beside it for a moment and is not counted."""
    idle_seconds: float = 600.0
    look_seconds: float = 0.25
    """How often aliases are looked at."""


class House:
    """Safe to use from several threads; `at_hand` and `Lease.release` never wait for anything slow."""

    def __init__(self, own: str, model: str, names: Names, parts: Parts, rules: Rules | None = None) -> None:
        """Open the collection `own`: it is always open and runs `model` unless an alias leads to another collection.

        Raises what opening it raises.
        """
        rules = rules or Rules()
        self.own, self.model, self.names = own, model, names
        self._parts = parts
        self._leads = Leads(own, rules.most_open, rules.idle_seconds)
        self._lock = threading.Lock()
        self._failures = Failures()
        self._begun: dict[str, Future[None]] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._threads = LeavableThreads("hosting-opening")
        self._stop = threading.Event()
        self._open_own()
        self._follower = threading.Thread(
            target=self._follow, args=[rules.look_seconds], name="hosting-follower", daemon=True
        )
        if names.may_change:
            self._follower.start()

    def at_hand(self, name: str) -> Lease | None:
        """A hold on what a name leads to; None where that is not open."""
        return self._leads.lease(name)

    def begin(self, name: str) -> "Future[None]":
        """Have opened what a name stands for, once for all who ask meanwhile; the future tells how it went.

        Raises `NotFound` for a name that stands for nothing, and `IndexUnavailable` where opening it failed a moment
        ago. May ask the back end: not for the event loop.
        """
        if name != self.own:
            self.names.require(name)
        with self._lock:
            if self._stop.is_set():
                raise IndexUnavailable(STOPPING)
            self._failures.refuse_recent(name)
            if name not in self._begun:
                self._begun[name] = self._threads.start(lambda: self._open_for(name))
            return self._begun[name]

    def note(self, name: str) -> str:
        """Why a name does not lead to what it stands for; empty where it does."""
        with self._lock:
            return self._failures.note(name)

    def open_models(self) -> dict[str, str]:
        """The collections that are open, and the model that answers from each."""
        return {hosted.name: hosted.model for hosted in self._leads.all().values()}

    def services(self) -> list[SearchService]:
        """What answers from the collections that are open."""
        return [hosted.service for hosted in dict.fromkeys(self._leads.all().values())]

    def models(self) -> list[str]:
        """The model of the settings, and those that made collections; raises `VectorIndexError` as `Names.facts`."""
        made = {facts.manifest.model for facts in self.names.facts() if facts.manifest}
        return [self.model, *sorted(made - {self.model})]

    def has_model(self, name: str) -> bool:
        """Whether it is one of them; cheap for those that are open."""
        return name == self.model or name in self.open_models().values() or name in self.models()

    def borrow_model(self, name: str) -> QueryEncoder:
        """A model by its name, opened where it is not; `close` gives it back. Raises `EncoderError`."""
        return QueryEncoder(lend_encoder(self._parts.encoders, name), None, self._parts.max_pixels)

    def look(self) -> None:
        """Follow the aliases of the open names, close what is idle; raises `VectorIndexError` where nobody can tell."""
        self._leads.leave_idle()
        self._parts.encoders.sweep()
        self._parts.sweep()
        for name, hosted in self._leads.all().items():
            if name != self.own and not self.names.knows(name):
                self._leads.leave(name)
            elif self._should_change(name, hosted, self.names.stands_for(name)):
                self.begin(name)

    def close(self) -> None:
        """Close everything; what is being opened now is closed as soon as it is open."""
        self._stop.set()
        if self._follower.is_alive():
            self._follower.join()
        with self._lock:
            begun = [*self._begun.values()]
        self._leads.close()
        wait(begun, END_PATIENCE_S)
        self._parts.encoders.close()
        self._parts.close()
        self._threads.close()

    def _open_own(self) -> None:
        try:
            collection = self.names.stands_for(self.own)
        except IndexUnavailable:  # a service may be started before its server is
            collection = self.own
        is_led = collection == self.own
        service = self._parts.open_service(collection, self.model if is_led else "")
        self._leads.put(self.own, Hosted(collection, service, self._parts.open_adder, is_led=is_led))

    def _follow(self, look_seconds: float) -> None:
        while not self._stop.wait(look_seconds):
            try:
                self.look()
            except Exception:  # the thread that follows must outlive what nobody thought of
                logger.debug("aliases cannot be looked at", exc_info=True)

    def _should_change(self, name: str, hosted: Hosted, collection: str) -> bool:
        """Whether a name is to lead elsewhere, and it is time to try."""
        is_right = hosted.serves(collection, is_led=name == self.own == collection)
        with self._lock:
            self._failures.forget(name, unless=None if is_right else collection)
            return not (is_right or name in self._begun or self._failures.is_recent(name))

    def _open_for(self, name: str) -> None:
        """Let a name lead to what it stands for; runs in a thread of its own."""
        collection = name
        try:
            collection = self.names.stands_for(name)
            self._lead(name, collection, is_led=name == self.own == collection)
        except Exception as error:
            is_bug = not isinstance(error, SearchAppError)
            logger.error("collection %s cannot be opened for %s: %s", collection, name, error, exc_info=is_bug)  # noqa: TRY400
            with self._lock:
                self._failures.add(name, collection, error)
            raise
        else:
            with self._lock:
                self._failures.forget(name)
        finally:
            with self._lock:
                del self._begun[name]

    def _lead(self, name: str, collection: str, *, is_led: bool) -> None:
        with self._lock:
            opening = self._opening.setdefault(collection, threading.Lock())
        with opening:
            if not self._leads.share(name, collection, is_led=is_led):
                with self._leads.room(name):
                    self._leads.put(name, self._open(collection, is_led=is_led))

    def _open(self, collection: str, *, is_led: bool) -> Hosted:
        service = self._parts.open_service(collection, self.model if is_led else "")
        try:
            service.ready()
            service.search(QUESTION)
        except BaseException:
            service.close()
            self._parts.encoders.clear()
            raise
        return Hosted(collection, service, self._parts.open_adder, is_led=is_led)


def house_of(service: SearchService, open_adder: "Callable[[SearchService], Adder | None] | None" = None) -> House:
    """The house of a service that was opened by itself: there is one collection, by whatever name it has."""
    encoders = ModelShelf[Encoder](lambda _: LentEncoder(service.encoder, lambda: None), float("inf"))
    adder: OpenAdder | None = (lambda _, service: open_adder(service)) if open_adder else None
    parts = Parts(lambda _collection, _model: service, encoders, service.max_pixels, adder)
    return House("", service.encoder.spec.name, SoleNames(service), parts)
