"""One query answered from one generation: ask, rank, arrange, fetch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from search_app.datatypes import Condition, FacetValue, Known, Manifest, Neighbours, VectorQuery
from search_app.index.base import IndexReader
from search_app.search.arrange import SPREAD, fold, group_of, sort, spread
from search_app.search.asking import Asked, Asking
from search_app.search.background import Background
from search_app.search.encoding import QueryEncoder
from search_app.search.explain import Explaining, Explanation
from search_app.search.heat_map import PictureParts
from search_app.search.pool import tiers
from search_app.search.query import SearchQuery
from search_app.search.ranked import Ranked, Ranker
from search_app.search.relevance import LINE
from search_app.search.results import Hit, SearchResult, Stopwatch, shortest
from search_app.search.seen import Outcome, QueryKind, Seen
from search_app.words.matching import match_words

_SORTED_TIERS = 3
"""Pools that are looked through for relevant pictures where all of them are to be sorted or counted."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an order, and what is known about the rest."""

    hits: Ranked
    relevant: tuple[int, ...]
    """Ids of the relevant pictures that were looked at."""
    copies: Mapping[int, tuple[int, ...]]
    known: Mapping[int, Known]
    """Pictures that had to be fetched to make the order."""


class Answering:
    """What one query needs; made for each."""

    def __init__(
        self,
        queries: QueryEncoder,
        reader: IndexReader,
        manifest: Manifest,
        background: Callable[[Manifest], Background],
        watch: Stopwatch,
    ) -> None:
        self._asking = Asking(queries, reader, manifest)
        self._queries, self._reader, self._manifest, self._watch = queries, reader, manifest, watch
        self._background = background
        self.seen: Seen | None = None
        """What was learnt of the query that was answered last."""

    def result(self, query: SearchQuery) -> SearchResult:
        """Everything about the hits of a validated query."""
        asked = self._ask(query)
        page = self._page(query, asked)
        self._watch.lap("arrange")
        hits = self._hits(asked, page)
        facets = self._facets(query, page) if query.facets else None
        self._watch.lap("fetch")
        self._see(query, asked, page.hits, "match" if page.relevant else "no_match")
        return SearchResult(
            hits=hits,
            model=self._manifest.model,
            collection=self._manifest.collection,
            generation=self._manifest.generation,
            took_ms=self._watch.timings(),
            understood=asked.understood,
            no_match=not page.relevant,
            relevant=len(page.relevant),
            facets=facets,
        )

    def ids(self, query: SearchQuery) -> Neighbours:
        """Ids and scores; where only pictures are compared nothing but the engine's answer is looked at."""
        asked = self._ask(query)
        if asked.is_plain and not asked.itself and not _is_arranged(query):
            vector = asked.questions[0].vector
            plain = VectorQuery(vector, query.limit, query.offset, query.min_score, where=query.where)
            found = self._reader.search([plain])[0]
            self._watch.lap("search")
            self._see(query, asked, found, "unranked")
            return found
        page = self._page(query, asked)
        self._watch.lap("arrange")
        self._see(query, asked, page.hits, "match" if page.relevant else "no_match")
        return Neighbours(page.hits.ids, page.hits.scores.astype(np.float32))

    def relevance(self, query: SearchQuery) -> Neighbours:
        """Ids and the logarithm of their relevance."""
        hits = self._page(query, self._ask(query)).hits
        return Neighbours(hits.ids, np.log(hits.relevance).astype(np.float32))

    def explanation(self, query: SearchQuery, number: int, parts: Callable[[], PictureParts]) -> Explanation:
        """Why one picture that exists is, or is not, an answer to a validated query."""
        background = self._background(self._manifest)
        lines = self._queries.lines if self._queries.reads_words else None
        explaining = Explaining(self._reader, background, self._manifest.model, lines)
        return explaining.explain(self._ask(query), number, parts)

    def _see(self, query: SearchQuery, asked: Asked, hits: Ranked | Neighbours, outcome: Outcome) -> None:
        """Note what was asked and how it was answered; the best hit only where nothing but the query chose it."""
        kinds = {term.kind == "text" for term in asked.terms if term.weight > 0}
        kind: QueryKind = "mixture" if len(kinds) > 1 else "words" if True in kinds else "picture"
        is_chosen = query.offset or query.where or query.sort or query.min_relevance is not None
        is_seen = len(hits.ids) > 0 and not is_chosen and query.min_score is None
        self.seen = Seen(
            collection=self._manifest.collection,
            model=self._manifest.model,
            kind=kind,
            outcome=outcome,
            texts=tuple(filter(None, [query.text, *(term.text for term in query.terms)])),
            laps=tuple(self._watch.laps),
            top_score=float(hits.scores[0]) if is_seen else None,
            top_relevance=float(hits.relevance[0]) if is_seen and isinstance(hits, Ranked) else None,
        )

    def _ask(self, query: SearchQuery) -> Asked:
        asked = self._asking.ask(query)
        self._watch.lap("encode")
        return asked

    def _page(self, query: SearchQuery, asked: Asked) -> Page:
        """The hits from `offset` on, out of as many tiers as that takes."""
        background = self._background(self._manifest)
        query = replace(query, fold=query.fold and background.has_copies)
        pools = tiers(self._reader, asked.questions, query.where)
        first = next(pools)
        whole = next(tiers(self._reader, asked.questions, ())) if query.where else first
        self._watch.lap("search")
        ranker = Ranker(asked, background, self._manifest.model, whole)
        self._watch.lap("fuse")
        found: Ranked | None = None
        known = dict[int, Known]()
        for depth, pool in enumerate(chain([first], pools), 1):
            self._watch.lap("search")
            tier = _passing(ranker.rank(pool), query)
            found = tier if found is None else found.then(tier)
            self._watch.lap("fuse")
            if query.fold or query.sort:
                known |= self._reader.fetch(tier.ids.tolist() if query.sort else self._copies_in(tier, asked))
                self._watch.lap("search")
            if _is_enough(query, found, tier, known, depth):
                break
        assert found is not None  # noqa: S101 - there is always a first tier, if an empty one
        hits, copies = self._arranged(query, background, found, known)
        shown = np.arange(query.offset, min(query.offset + query.limit, len(hits.ids)))
        relevant = tuple(found.ids[found.relevance >= LINE].tolist())
        return Page(hits.take(shown), relevant, copies, known)

    def _copies_in(self, tier: Ranked, asked: Asked) -> list[int]:
        """Those that have copies; to fetch all of a tier takes longer than to find it."""
        some, vector = tuple(tier.ids.tolist()), asked.questions[0].vector  # the first question is one to the pictures
        is_copy = (Condition("copy_of", gte=1),)
        copies = VectorQuery(vector, len(some), exact=True, among=some, where=is_copy)
        return self._reader.search([copies])[0].ids.tolist() if some else []

    def _arranged(
        self, query: SearchQuery, background: Background, hits: Ranked, known: Mapping[int, Known]
    ) -> tuple[Ranked, Mapping[int, tuple[int, ...]]]:
        copies: Mapping[int, tuple[int, ...]] = {}
        above = hits.relevance >= max(LINE, query.min_relevance or 0.0)
        has_order = bool(query.sort) and bool(above.any())  # the nearest of what does not match come as they are
        if has_order:
            hits = hits.take(above)
        if query.fold:
            hits, copies = fold(hits, known)
        if query.diversity and len(hits.ids):
            vectors = self._reader.vectors(hits.ids[:SPREAD].tolist())
            hits = spread(hits, vectors, query.diversity, background.likeness)
        return (sort(hits, known, query.sort) if has_order else hits), copies

    def _hits(self, asked: Asked, page: Page) -> tuple[Hit, ...]:
        ids = page.hits.ids.tolist()
        fresh = [number for number in ids if number not in page.known]
        known = {**page.known, **self._reader.fetch(fresh)}
        words = self._reader.words(ids) if asked.printed else {}
        return tuple(
            Hit(
                id=number,
                score=shortest(page.hits.scores[place]),
                path=known[number].picture.path,
                width=known[number].picture.width,
                height=known[number].picture.height,
                relevance=round(float(page.hits.relevance[place]), 4),
                evidence={name: round(float(says[place]), 3) for name, says in page.hits.evidence.items()},
                words=match_words(asked.printed, words[number]) if number in words else (),
                copies=page.copies.get(number, ()),
            )
            for place, number in enumerate(ids)
            if number in known
        )

    def _facets(self, query: SearchQuery, page: Page) -> dict[str, tuple[tuple[FacetValue, int], ...]]:
        counts = {name: self._reader.facet(name, among=page.relevant) if page.relevant else [] for name in query.facets}
        return {name: tuple(values) for name, values in counts.items()}


def _is_arranged(query: SearchQuery) -> bool:
    return bool(query.min_relevance is not None or query.diversity or query.sort or query.fold)


def _is_enough(query: SearchQuery, found: Ranked, tier: Ranked, known: Mapping[int, Known], depth: int) -> bool:
    """Whether the page can be made of what was found; sorting and counting want every relevant picture."""
    wants_all = bool(query.sort or query.facets)
    if wants_all and depth < _SORTED_TIERS and (tier.relevance >= LINE).any():
        return False
    if query.sort and (found.relevance >= LINE).any():
        return True
    if query.min_relevance is not None and not len(tier.ids):
        return True
    hits = len({group_of(number, known) for number in found.ids.tolist()}) if query.fold else len(found.ids)
    return hits >= query.offset + query.limit


def _passing(ranked: Ranked, query: SearchQuery) -> Ranked:
    kept = np.ones(len(ranked.ids), bool)
    if query.min_score is not None:
        kept &= ranked.scores.astype(np.float32) >= np.float32(query.min_score)
    if query.min_relevance is not None:
        kept &= ranked.relevance >= query.min_relevance
    return ranked.take(kept)
