"""Pictures that a request names by their address; what fetches them, `fetching`, is loaded only where that is on."""

from collections.abc import Mapping
from typing import Protocol

from search_app.errors import BadRequest

MAX_FETCHED = 4
"""Pictures by address in one request."""


class PicturesByAddress(Protocol):
    """What fetches pictures for queries."""

    async def fetch(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        """Fetch the pictures of one request; see `fetching.PictureFetcher.fetch`."""
        ...


async def pictures_at(wanted: Mapping[str, str], fetcher: PicturesByAddress | None) -> dict[str, bytes]:
    """What `PictureFetcher.fetch` gives for a request; raises `BadRequest` with the way out where that is off."""
    if not wanted:
        return {}
    parameter = next(iter(wanted))
    if fetcher is None:
        off = "pictures are not fetched by their address here: send the picture itself as image, or start the service"
        raise BadRequest(f"{off} with SEARCH_FETCH_URLS=on", parameter)
    if len(wanted) > MAX_FETCHED:
        raise BadRequest(f"{len(wanted)} addresses were given; at most {MAX_FETCHED} are fetched", parameter)
    return await fetcher.fetch(wanted)
