"""The tools an assistant is given. Their docstrings and descriptions are all it knows of them."""

from collections.abc import Awaitable
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from search_app.client import AsyncSearchClient, ClientError, ProblemError
from search_app.client.grammar import Grammar
from search_app.mcp.results import Collection, Counted, Explained, Found

T = TypeVar("T")

Query = Annotated[
    str,
    Field(
        description="What the pictures should show, or words printed in them, in plain English: 'a red car at night'. "
        "'without people' and '-people' leave things out. Empty only together with `like`.",
        max_length=2_000,
    ),
]
PictureId = Annotated[int, Field(description="Id of a picture, as searches give it", ge=1)]
Limit = Annotated[int, Field(description="Most pictures to give", ge=1, le=50)]
Likes = Annotated[list[int] | None, Field(description="Ids of pictures the results should be like")]
Unlikes = Annotated[list[int] | None, Field(description="Ids of pictures the results should not be like")]
Filter = Annotated[
    dict[str, Any] | None,
    Field(
        description="Only pictures that pass all of it. Fields: folder (and all below it), format (JPEG, PNG, ...), "
        "orientation (landscape, portrait, square), colour (black, white, grey, red, orange, yellow, green, blue, "
        "purple, pink, brown), words (yes, no: has printed words), width, height, pixels, bytes, date, meta.NAME. "
        "A value, a list of values of which one must fit, or bounds gte, gt, lte, lt; `not` turns conditions round.",
        examples=[{"colour": ["red", "pink"], "date": {"gte": "2024-05"}, "not": {"format": "GIF"}}],
    ),
]
Sort = Annotated[
    str,
    Field(
        description="Empty: best first. Else matches only, by date, bytes, width, height, pixels, path or id; '-date' "
        "is newest first"
    ),
]
CountedFields = Annotated[
    list[str],
    Field(description="Of folder, format, orientation, colour, words, meta.NAME", min_length=1, max_length=8),
]
Size = Annotated[int, Field(description="Pixels of the longer side; larger costs more to look at", ge=32, le=2_048)]


class Tools:
    """The tools over one service."""

    def __init__(self, client: AsyncSearchClient) -> None:
        self._client = client

    async def search_images(
        self,
        query: Query = "",
        limit: Limit = 5,
        filter: Filter = None,  # noqa: A002 - its name in the whole interface
        like: Likes = None,
        unlike: Unlikes = None,
        sort: Sort = "",
    ) -> Found:
        """Find pictures in the user's collection by what they show or by the words printed in them.

        Read `summary` first: where `no_match` is true the pictures listed are only the nearest ones, and the right
        answer is that there is none. Look at pictures with get_image before describing them.
        """
        options: Grammar = {"limit": limit, "sort": sort, "like": like or [], "unlike": unlike or []}
        if filter:
            options["filter"] = filter
        answer = await _told(self._client.search(query, **options))
        return Found.of_search(answer)

    async def similar_images(self, picture_id: PictureId, limit: Limit = 5) -> Found:
        """Find the pictures that look most like one of the collection, which itself is not among them."""
        return Found.of_similar(await _told(self._client.similar(picture_id, limit)))

    async def get_image(self, picture_id: PictureId, size: Size = 512) -> Image:
        """Look at one picture: gives it as a JPEG, the right way up, made smaller where it is larger than `size`."""
        return Image(data=await _told(self._client.thumbnail(picture_id, size)), format="jpeg")

    async def explain_match(self, picture_id: PictureId, query: Query) -> Explained:
        """Tell why a picture matches a search, or why not: each part's share, the words printed, and where it looks so.

        Takes about a second, so ask it for single pictures.
        """
        return Explained.of(await _told(self._client.explain(picture_id, query)))

    async def count_images(self, query: Query, fields: CountedFields, filter: Filter = None) -> Counted:  # noqa: A002
        """Count the pictures that match a search by folder, colour and the like; shows what a filter can say."""
        return Counted.of(await _told(self._client.search(query, limit=1, facets=fields, filter=filter or {})))

    async def describe_collection(self) -> Collection:
        """Tell how many pictures can be searched, of which folder, and by which model."""
        return Collection.of(await _told(self._client.info()))


async def _told(asked: Awaitable[T]) -> T:
    """What was asked for; an error becomes words that the assistant reads and can act on."""
    try:
        return await asked
    except ProblemError as error:
        raise ToolError(error.detail or str(error)) from error
    except ClientError as error:
        raise ToolError(str(error)) from error
