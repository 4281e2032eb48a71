"""The client for programs that do other things while they wait."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self, TypeVar, Unpack

import anyio
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


class AsyncSearchClient(Connected):
    """`SearchClient` to be awaited: the same arguments, methods, answers and errors."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        collection: str = "",
        api_key: str = "",
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(transport=transport, **http_options(url, collection, api_key, timeout))
        super().__init__(self._http.base_url, timeout, retry)

    async def search(self, query: str = "", **options: Unpack[Grammar]) -> SearchAnswer:
        """The best pictures and all that is told about them."""
        return await self._ask(calls.search(query, options))

    async def ids(self, query: str, **options: Unpack[ListGrammar]) -> list[ScoredId]:
        """Ids and scores only, best first; compares pictures alone unless told otherwise, which is quickest."""
        return await self._ask(calls.ids(query, options))

    async def batch(self, queries: Sequence[str | Question], **common: Unpack[Grammar]) -> list[SearchAnswer]:
        """An answer to each query, in their order; a mistake in one refuses all that are sent with it."""
        return [answer for call in calls.batches(queries, common) for answer in (await self._ask(call)).answers]

    async def pages(self, query: str = "", **options: Unpack[Grammar]) -> AsyncIterator[SearchAnswer]:
        """All relevant hits in pages of `limit`, 50 by default; each page is asked for when it is wanted."""
        paging = Paging(query, options)
        while paging.goes_on:
            answer = await self._ask(paging.call())
            paging.take(answer)
            yield answer

    async def iterate(self, query: str = "", **options: Unpack[Grammar]) -> AsyncIterator[Hit]:
        """All relevant hits, each once; `limit` is the size of the pages they are asked for in."""
        paging = Paging(query, options)
        while paging.goes_on:
            for hit in paging.take(await self._ask(paging.call())):
                yield hit

    async def similar(self, image_id: int, limit: int = 5) -> SimilarAnswer:
        """The pictures nearest to one of the index, without that one."""
        return await self._ask(calls.similar(image_id, limit))

    async def explain(self, image_id: int, query: str = "", **options: Unpack[ExplainGrammar]) -> Explanation:
        """Why a picture is, or is not, an answer to a query."""
        return await self._ask(calls.explain(image_id, query, options))

    async def image(self, image_id: int) -> bytes:
        """The file of a picture, as it lies in the indexed folder."""
        return await self._ask(calls.image(image_id))

    async def thumbnail(self, image_id: int, size: int = 320) -> bytes:
        """A JPEG of a picture, at most `size` pixels wide and high."""
        return await self._ask(calls.thumbnail(image_id, size))

    async def add_image(
        self, picture: Picture, path: str = "", meta: Mapping[str, MetaValue] | None = None
    ) -> AddedImage:
        """Add a picture to the indexed folder and the collection; without `path` under the name of its file."""
        [added] = await self._ask(calls.add_one(picture, path, meta))
        return added

    async def add_images(
        self, pictures: Mapping[str, Picture], meta: Mapping[str, MetaValue] | None = None
    ) -> list[AddedImage]:
        """Add pictures by their paths, 16 in a request, each of which is done whole; `meta` is about all of them."""
        return [added for call in calls.add(pictures, meta) for added in (await self._ask(call))]

    async def delete_image(self, image_id: int) -> bool:
        """Remove a picture and its file; False where it is not there (any more)."""
        return await self._ask(calls.delete(image_id))

    async def info(self) -> Info:
        """What runs there."""
        return await self._ask(calls.info())

    async def ready(self) -> Readiness:
        """Wait, as patiently as `retry` says, until the service can answer."""
        return await self._ask(calls.ready())

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask(self, call: Call[T]) -> T:
        attempts = Attempts(self._retry)
        while True:
            outcome = await self._attempt(call, attempts.time_left(self._timeout))
            pause = attempts.pause_after(outcome)
            if pause is None:
                return call.answer(outcome)
            await anyio.sleep(pause)

    async def _attempt(self, call: Call[T], timeout: float) -> Outcome:  # noqa: ASYNC109 - it is httpx's, for each step
        try:
            return await self._http.request(**call.request(), timeout=timeout)
        except httpx.TransportError as error:
            return error
