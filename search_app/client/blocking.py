"""The client for programs that wait for each answer."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Self, TypeVar, Unpack

import httpx

from search_app.client import calls
from search_app.client.calls import Call, MetaValue
from search_app.client.connecting import DEFAULT_URL, Connected, http_options
from search_app.client.grammar import ExplainGrammar, Grammar, ListGrammar, Question
from search_app.client.paging import Paging
from search_app.client.pictures import Picture
from search_app.client.retrying import Attempts, Outcome, Retry
from search_app.client.values import (
    AddedImage,
    Explanation,
    Hit,
    Info,
    Readiness,
    ScoredId,
    SearchAnswer,
    SimilarAnswer,
)

T = TypeVar("T")


class SearchClient(Connected):
    """A client of one service; safe to use from several threads. `with` or `close` gives its connections back.

    Every method raises `ProblemError` where the service refuses, `Unreachable` where nobody answers in time and
    `UnexpectedAnswer` where something else does. `collection` is the one that is asked,
    by its name or that of an alias; without it the service's own is. `api_key` is sent as `Authorization: Bearer`;
    `timeout` is the seconds one attempt waits for the service to send anything; `transport` replaces how httpx reaches
    it.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        collection: str = "",
        api_key: str = "",
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(transport=transport, **http_options(url, collection, api_key, timeout))
        super().__init__(self._http.base_url, timeout, retry)

    def search(self, query: str = "", **options: Unpack[Grammar]) -> SearchAnswer:
        """The best pictures and all that is told about them."""
        return self._ask(calls.search(query, options))

    def ids(self, query: str, **options: Unpack[ListGrammar]) -> list[ScoredId]:
        """Ids and scores only, best first; compares pictures alone unless told otherwise, which is quickest."""
        return self._ask(calls.ids(query, options))

    def batch(self, queries: Sequence[str | Question], **common: Unpack[Grammar]) -> list[SearchAnswer]:
        """An answer to each query, in their order; a mistake in one refuses all that are sent with it."""
        return [answer for call in calls.batches(queries, common) for answer in self._ask(call).answers]

    def pages(self, query: str = "", **options: Unpack[Grammar]) -> Iterator[SearchAnswer]:
        """All relevant hits in pages of `limit`, 50 by default; each page is asked for when it is wanted."""
        paging = Paging(query, options)
        while paging.goes_on:
            answer = self._ask(paging.call())
            paging.take(answer)
            yield answer

    def iterate(self, query: str = "", **options: Unpack[Grammar]) -> Iterator[Hit]:
        """All relevant hits, each once; `limit` is the size of the pages they are asked for in."""
        paging = Paging(query, options)
        while paging.goes_on:
            yield from paging.take(self._ask(paging.call()))

    def similar(self, image_id: int, limit: int = 5) -> SimilarAnswer:
        """The pictures nearest to one of the index, without that one."""
        return self._ask(calls.similar(image_id, limit))

    def explain(self, image_id: int, query: str = "", **options: Unpack[ExplainGrammar]) -> Explanation:
        """Why a picture is, or is not, an answer to a query."""
        return self._ask(calls.explain(image_id, query, options))

    def image(self, image_id: int) -> bytes:
        """The file of a picture, as it lies in the indexed folder."""
        return self._ask(calls.image(image_id))

    def thumbnail(self, image_id: int, size: int = 320) -> bytes:
        """A JPEG of a picture, at most `size` pixels wide and high."""
        return self._ask(calls.thumbnail(image_id, size))

    def add_image(self, picture: Picture, path: str = "", meta: Mapping[str, MetaValue] | None = None) -> AddedImage:
        """Add a picture to the indexed folder and the collection; without `path` under the name of its file."""
        [added] = self._ask(calls.add_one(picture, path, meta))
        return added

    def add_images(
        self, pictures: Mapping[str, Picture], meta: Mapping[str, MetaValue] | None = None
    ) -> list[AddedImage]:
        """Add pictures by their paths, 16 in a request, each of which is done whole; `meta` is about all of them."""
        return [added for call in calls.add(pictures, meta) for added in self._ask(call)]

    def delete_image(self, image_id: int) -> bool:
        """Remove a picture and its file; False where it is not there (any more)."""
        return self._ask(calls.delete(image_id))

    def info(self) -> Info:
        """What runs there."""
        return self._ask(calls.info())

    def ready(self) -> Readiness:
        """Wait, as patiently as `retry` says, until the service can answer."""
        return self._ask(calls.ready())

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, call: Call[T]) -> T:
        attempts = Attempts(self._retry)
        while True:
            outcome = self._attempt(call, attempts.time_left(self._timeout))
            pause = attempts.pause_after(outcome)
            if pause is None:
                return call.answer(outcome)
            time.sleep(pause)

    def _attempt(self, call: Call[T], timeout: float) -> Outcome:
        try:
            return self._http.request(**call.request(), timeout=timeout)
        except httpx.TransportError as error:
            return error
