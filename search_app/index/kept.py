"""What a collection was made with, which it keeps, beside what is asked for now; both as `Profile.noted` says it."""

import json
import logging
from dataclasses import replace

from search_app.index.graph import Shape
from search_app.index.profile import DEFAULT, Profile, flat

REMEDY = "to make it anew with those, index with --rebuild, or --into another and `alias switch` to that"

logger = logging.getLogger(__name__)


def differences(made_with: str, wanted: str) -> tuple[str, ...]:
    """Where a collection is not as it would be made now, one each: `hnsw.m is 32, not 16`."""
    if made_with == wanted:
        return ()
    is_so, asked = dict(flat(_made(made_with).model_dump())), dict(flat(_made(wanted).model_dump()))
    return tuple(
        f"{name} is {_shown(is_so[name])}, not {_shown(asked[name])}" for name in asked if asked[name] != is_so[name]
    )


def warn_of_differences(collection: str, made_with: str, wanted: str) -> None:
    """Log where a collection that is there is not as it would be made now."""
    if other := "; ".join(differences(made_with, wanted)):
        told = "collection %r keeps the settings it was made with, and SEARCH_PROFILE says others (%s): %s"
        logger.warning(told, collection, other, REMEDY)


def shape_kept(made_with: str, wanted: Shape) -> Shape:
    """The shape of a collection that was made earlier: a part of it that is made anew must fit the rest."""
    if made_with == wanted.made_with:
        return wanted
    return replace(_made(made_with).shape(), graph_from=wanted.graph_from)


def _made(noted: str) -> Profile:
    return Profile.model_validate(json.loads(noted)) if noted else DEFAULT


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "unset" if value is None else json.dumps(value)
