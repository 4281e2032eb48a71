"""Judgements for tests."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from search_app.judgements.values import Judgement, PictureName


def uuid_of(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def judgement(name: str, **changes: Any) -> Judgement:
    """A judgement of its own; `picture` is a letter."""
    letter = changes.pop("picture", "a")
    values: dict[str, Any] = {"assessor": "ann", "query": "car", "grade": 2, **changes}
    if values.get("verdict", "graded") != "graded":
        values["grade"] = None
    return Judgement(uuid_of(name), picture=PictureName(letter * 32, f"{letter}.jpg"), **values)
