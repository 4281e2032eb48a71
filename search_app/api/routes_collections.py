"""The route that lists collections; what each of them answers, all other routes answer (see `leasing`)."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from search_app.api.dependencies import Housed
from search_app.api.problems import documented
from search_app.index.catalogue import CollectionFacts

router = APIRouter(tags=["collections"])


class CollectionOut(BaseModel):
    """One collection; fields of its index are null before the first pictures were stored and where it is damaged."""

    name: str
    aliases: list[str] = Field(description="Other names that stand for it now")
    model: str | None = Field(description="That made it, and answers from it", examples=["lite"])
    count: int | None = Field(description="Pictures that can be found")
    generation: int | None
    is_open: bool = Field(description="Open now; one that is not is opened by the next request")

    @classmethod
    def of(cls, facts: CollectionFacts, aliases: list[str], *, is_open: bool) -> "CollectionOut":
        """The same in the form of the interface."""
        manifest = facts.manifest
        return cls(
            name=facts.name,
            aliases=aliases,
            model=manifest.model if manifest else None,
            count=manifest.count if manifest else None,
            generation=manifest.generation if manifest else None,
            is_open=is_open,
        )


class CollectionList(BaseModel):
    """All collections that the caller may ask."""

    collections: list[CollectionOut]


@router.get("/collections", summary="Which there are", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
def collections(request: Request, house: Housed) -> CollectionList:
    """List the collections and their aliases, by name; a key of one collection sees that one alone."""
    standing = house.names.aliases()
    open_now = house.open_models()
    only = getattr(request.state, "only_collection", "")
    shown = []
    for facts in house.names.facts():
        aliases = sorted(alias for alias, name in standing.items() if name == facts.name)
        found = CollectionOut.of(facts, aliases, is_open=facts.name in open_now)
        if not only:
            shown.append(found)
        elif facts.name == standing.get(only, only):
            shown.append(found.model_copy(update={"name": only, "aliases": []}))
    return CollectionList(collections=shown)
