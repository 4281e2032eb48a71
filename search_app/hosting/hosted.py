"""One open collection: the service that answers from it, and who is being answered."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from search_app.search.service import SearchService

if TYPE_CHECKING:
    from search_app.ingest.adding.adder import Adder

OpenAdder = Callable[[str, SearchService], "Adder | None"]
"""Makes what adds pictures to a collection, beside the service that answers from it; None where nothing is added."""


class Hosted:
    """A collection with the model that answers for it. It is counted and closed by the `House` it stands in."""

    def __init__(self, collection: str, service: SearchService, open_adder: OpenAdder | None, *, is_led: bool) -> None:
        """`is_led`: it runs the model of the settings, whatever made the collection, and not that of its manifest."""
        self.collection, self.service, self.is_led = collection, service, is_led
        self.users = 0
        """Requests that are being answered; kept by the house."""
        self.used_at = 0.0
        self.is_closing = False
        self._open_adder = open_adder
        self._adder: Adder | None = None
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """Of the collection; one that was opened by itself is called what its manifest says."""
        manifest = None if self.collection else self.service.index_at_hand()
        return manifest.collection if manifest else self.collection

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self.service.encoder.spec.name

    def serves(self, collection: str, *, is_led: bool) -> bool:
        """Whether this is what a name shall lead to that stands for `collection`."""
        return self.collection == collection and (self.is_led if is_led else self._fits())

    def _fits(self) -> bool:
        """Whether its model made what the collection holds now; while nobody knows that, it is taken to."""
        manifest = self.service.index_at_hand()
        return manifest is None or manifest.fingerprint == self.service.encoder.spec.fingerprint

    def adder(self) -> "Adder | None":
        """What adds pictures to it, made when it is first asked for."""
        with self._opening:
            if self._adder is None and self._open_adder is not None:
                self._adder = self._open_adder(self.collection, self.service)
            return self._adder

    def close(self) -> None:
        """Let what is being added end, then give back index and model."""
        with self._opening:
            if self._adder is not None:
                self._adder.close()
        self.service.close()


class Lease:
    """One request's hold on a collection: it stays open, and is the same, until `release`."""

    def __init__(self, name: str, hosted: Hosted, give_back: Callable[[Hosted], None]) -> None:
        self.name, self.hosted = name, hosted
        self._give_back: Callable[[Hosted], None] | None = give_back

    @property
    def service(self) -> SearchService:
        """What answers."""
        return self.hosted.service

    def release(self) -> None:
        """End the hold; twice does no harm."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(self.hosted)
