"""All relevant hits of a query, page by page."""

from typing import cast

from search_app.client import calls
from search_app.client.calls import Call
from search_app.client.grammar import Grammar
from search_app.client.values import Hit, SearchAnswer

PAGE = 50
RELEVANT = 0.5
"""The line where relevance ends."""


class Paging:
    """Where in the hits of a query a reader stands. Without `min_relevance` hits end where relevance does.

    The index may change between two pages; then a hit may be missed, but none is given twice.
    """

    def __init__(self, query: str, options: Grammar) -> None:
        self._query = query
        self._options = cast("Grammar", {"limit": PAGE, "min_relevance": RELEVANT, "offset": 0, **options})
        self._seen = set[int]()
        self.goes_on = True

    def call(self) -> Call[SearchAnswer]:
        """The question for the next page."""
        return calls.search(self._query, self._options)

    def take(self, answer: SearchAnswer) -> list[Hit]:
        """Go on behind this page; gives its hits that were on none before."""
        self.goes_on = len(answer.hits) >= self._options["limit"]
        self._options = cast("Grammar", {**self._options, "offset": self._options["offset"] + len(answer.hits)})
        fresh = [hit for hit in answer.hits if hit.id not in self._seen]
        self._seen.update(hit.id for hit in fresh)
        return fresh
