"""What routes are given."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from search_app.search.service import SearchService


async def _service(request: Request) -> SearchService:
    """The service the lifespan opened; `async`, so that handing it over costs no worker thread."""
    service: SearchService = request.app.state.service
    return service


Service = Annotated[SearchService, Depends(_service)]
ImageId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of an image, as searches give it")]
Limit = Annotated[int, Query(description="Most hits to give", json_schema_extra={"minimum": 1})]
