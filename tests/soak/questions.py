"""Seeded questions of every kind, and whether an answer is the oracle's."""

import base64
import random
from dataclasses import dataclass
from typing import Any

from search_app.api.schemas import SearchAnswer
from search_app.api.schemas_query import SearchBody
from search_app.search.query import SearchQuery
from search_app.search.results import SearchResult
from tests.soak.world import COLOURS, VOCABULARY, picture_bytes

SCORE = 5e-5
"""Engines add up in different orders: so far may two scores of the same pair of vectors lie apart."""
RELEVANCE = 5e-3
FILTERS: tuple[dict[str, Any], ...] = (
    {"colour": "red"},
    {"colour": ["blue", "green"]},
    {"format": "PNG"},
    {"width": {"gte": 50}},
    {"words": "yes"},
    {"not": {"format": "JPEG"}},
    {"folder": "b"},
)


@dataclass(frozen=True)
class Question:
    """One body of `POST /search`."""

    kind: str
    body: dict[str, Any]

    def query(self) -> SearchQuery:
        """The same in the product's own words."""
        return SearchBody.model_validate(self.body).to_query()


def draw(rng: random.Random, steady: list[int]) -> Question:
    """Any question; `steady` are ids that are always there."""
    colour, word = rng.choice([*COLOURS]), rng.choice(VOCABULARY)
    kind = rng.choice(("words", "words", "print", "picture", "mixture", "like", "filter", "facets", "page", "spread"))
    body: dict[str, Any] = {"limit": rng.randrange(1, 20)}
    match kind:
        case "words":
            mode = rng.choice(("off", "fused"))
            body |= {"query": rng.choice((colour, f"{colour} {word}", f"something {colour}")), "words": mode}
        case "print":
            body |= {"query": f"{word} {rng.choice(VOCABULARY)}", "words": rng.choice(("only", "fused"))}
        case "picture":
            sent = base64.b64encode(picture_bytes(rng.randrange(10**6))).decode()
            body |= {"image": sent, "words": "off"}
        case "mixture":
            terms = [{"text": word, "weight": 0.5}, {"id": rng.choice(steady), "weight": 1.5}]
            body |= {"query": colour, "terms": terms, "words": rng.choice(("off", "fused"))}
        case "like":
            body |= {"like": [rng.choice(steady)], "unlike": [rng.choice(steady)], "words": "off"}
        case "filter":
            body |= {"query": colour, "filter": rng.choice(FILTERS), "words": rng.choice(("off", "fused"))}
        case "facets":
            body |= {"query": colour, "facets": ["colour", "format"], "words": "off"}
        case "page":
            body |= {"query": f"{colour} without {word}", "offset": rng.randrange(40)}
        case "spread":
            body |= {"query": colour, "fold": rng.random() < 0.5, "words": "off"}
    return Question(kind, body)


def difference(answer: dict[str, Any], expected: SearchResult) -> str:
    """Where an answer is not the oracle's; empty where it is.

    Pictures whose relevance and score are alike but for rounding may change places, and those of the very same
    relevance: the order goes by evidence, of which relevance tells four digits.
    """
    right = SearchAnswer.of_query(expected, "", "").model_dump(mode="json")
    mine, theirs = answer["hits"], right["hits"]
    if len(mine) != len(theirs):
        return f"{len(mine)} hits instead of {len(theirs)}"
    place = {hit["id"]: hit for hit in theirs}
    for number, (hit, other) in enumerate(zip(mine, theirs, strict=True)):
        same = place.get(hit["id"])
        if same is not None and not _alike(hit, same):
            return f"hit {number}: {_told(hit)} instead of {_told(same)}"
        if hit["id"] != other["id"] and hit["relevance"] != other["relevance"] and not _alike(hit, other):
            return f"hit {number}: {_told(hit)} where {_told(other)} should be"
        if same is not None and (hit["path"], hit["copies"]) != (same["path"], same["copies"]):
            return f"hit {number}: {hit['path']} with copies {hit['copies']} instead of {same['path']} {same['copies']}"
    if answer["facets"] != right["facets"] and not _is_on_the_line(expected):
        return f"facets {answer['facets']} instead of {right['facets']}"
    return ""


def _alike(hit: dict[str, Any], other: dict[str, Any]) -> bool:
    return abs(hit["score"] - other["score"]) <= SCORE and abs(hit["relevance"] - other["relevance"]) <= RELEVANCE


def _is_on_the_line(expected: SearchResult) -> bool:
    """Whether rounding decides if a picture is relevant."""
    return any(abs(hit.relevance - 0.5) <= RELEVANCE for hit in expected.hits)


def _told(hit: dict[str, Any]) -> str:
    return f"id {hit['id']} (score {hit['score']}, relevance {hit['relevance']})"
