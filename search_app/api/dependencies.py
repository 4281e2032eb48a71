"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from search_app.api.fetched import PicturesByAddress
from search_app.api.turns import Turns
from search_app.search.service import SearchService


async def _service(request: Request) -> SearchService:
    """The service the lifespan opened; `async`, so that handing it over costs no worker thread."""
    service: SearchService = request.app.state.service
    return service


async def _fetcher(request: Request) -> PicturesByAddress | None:
    """What fetches pictures by their address; None where that is off."""
    fetcher: PicturesByAddress | None = request.app.state.fetcher
    return fetcher


async def _turns(request: Request) -> Turns:
    """What lets searches wait for each other."""
    turns: Turns = request.app.state.turns
    return turns


Service = Annotated[SearchService, Depends(_service)]
SearchTurns = Annotated[Turns, Depends(_turns)]
Fetcher = Annotated[PicturesByAddress | None, Depends(_fetcher)]
ImageId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of an image, as searches give it")]
Limit = Annotated[int, Query(description="Most hits to give", json_schema_extra={"minimum": 1})]
