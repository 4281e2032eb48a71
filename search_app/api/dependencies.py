"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from search_app.api.fetched import PicturesByAddress
from search_app.api.turns import Turns
from search_app.hosting.house import House
from search_app.search.service import SearchService


async def _service(request: Request) -> SearchService:
    """What answers for the collection that is asked; `async`, so that handing it over costs no worker thread."""
    service: SearchService = request.state.lease.service
    return service


async def _fetcher(request: Request) -> PicturesByAddress | None:
    """What fetches pictures by their address; None where that is off."""
    fetcher: PicturesByAddress | None = request.app.state.fetcher
    return fetcher


async def _turns(request: Request) -> Turns:
    """What lets searches wait for each other."""
    turns: Turns = request.app.state.turns
    return turns


async def _house(request: Request) -> House:
    """All collections and models there are."""
    house: House = request.app.state.house
    return house


async def _note(request: Request) -> str | None:
    """Why what is asked is not what its name stands for; None where it is."""
    house = await _house(request)
    return house.note(request.state.lease.name) or None


Service = Annotated[SearchService, Depends(_service)]
Housed = Annotated[House, Depends(_house)]
Note = Annotated[str | None, Depends(_note)]
SearchTurns = Annotated[Turns, Depends(_turns)]
Fetcher = Annotated[PicturesByAddress | None, Depends(_fetcher)]
ImageId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of an image, as searches give it")]
Limit = Annotated[int, Query(description="Most hits to give", json_schema_extra={"minimum": 1})]
