"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from search_app.api.fetching import PictureFetcher
from search_app.search.service import SearchService


async def _service(request: Request) -> SearchService:
    """The service the lifespan opened; `async`, so that handing it over costs no worker thread."""
    service: SearchService = request.app.state.service
    return service


async def _fetcher(request: Request) -> PictureFetcher | None:
    """What fetches pictures by their address; None where that is off."""
    fetcher: PictureFetcher | None = request.app.state.fetcher
    return fetcher


Service = Annotated[SearchService, Depends(_service)]
Fetcher = Annotated[PictureFetcher | None, Depends(_fetcher)]
ImageId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of an image, as searches give it")]
Limit = Annotated[int, Query(description="Most hits to give", json_schema_extra={"minimum": 1})]
