"""The grammar means the same on every engine: random queries, and the exact index in memory as the oracle."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_app.datatypes import Condition, Point, SparseVector
from search_app.errors import BadRequest
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.index.server.store import ServerStore
from search_app.search import pool
from search_app.search.asking import SPOKEN, Asking
from search_app.search.query import SORTABLE, SearchQuery, Term
from search_app.search.results import SearchResult
from search_app.search.service import SearchService
from search_app.words.bm25 import term_id
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient
from tests.search.printed_world import COPIES, COUNT, SPEC, VOCABULARY, fill, picture, serve

pytestmark = LOCAL_MODE_WARNINGS
ENGINES = ("edge", "server")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SearchService]]:
    place: Path = tmp_path_factory.mktemp("contract")
    client = SharedClient(":memory:")
    stores = {
        "memory": MemoryStore("images"),
        "edge": EdgeStore(place, "images"),
        "server": ServerStore("memory", "images", make_client=lambda _: client),
    }
    for store in stores.values():
        fill(store)
    opened = {name: serve(store) for name, store in stores.items()}
    yield opened
    for service in opened.values():
        service.close()


words = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(" ".join)
texts = st.builds(
    "{}{}".format, words, st.sampled_from(["", " -red", " without people", " with no sugar or dog", ' -"fast car"'])
)
conditions = st.one_of(
    st.builds(Condition, st.just("folder"), st.sampled_from([("cars",), ("cars", "trips")]), excluded=st.booleans()),
    st.builds(Condition, st.just("colour"), st.sampled_from([("red",), ("blue", "green")]), excluded=st.booleans()),
    st.builds(Condition, st.just("meta.topic"), st.just(("car",)), excluded=st.booleans()),
    st.builds(Condition, st.just("width"), gte=st.sampled_from([600, 640, 700])),
    st.builds(Condition, st.just("date"), lt=st.sampled_from(["2019", "2022-05"])),
    st.builds(Condition, st.just("words"), st.sampled_from([("yes",), ("no",)])),
)
weights = st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])
terms = st.one_of(
    st.builds(Term, text=words, weight=weights),
    st.builds(Term, id=st.integers(1, COUNT), weight=weights),
)
queries = st.builds(
    SearchQuery,
    text=texts,
    limit=st.integers(1, 20),
    offset=st.sampled_from([0, 0, 3, 50]),
    min_score=st.sampled_from([None, None, 0.1]),
    min_relevance=st.sampled_from([None, None, 0.2, 0.5]),
    terms=st.lists(terms, max_size=2).map(tuple),
    words=st.sampled_from(["fused", "fused", "only", "off"]),
    understand=st.booleans(),
    where=st.lists(conditions, max_size=2).map(tuple),
    facets=st.lists(st.sampled_from(["colour", "folder", "words", "meta.topic"]), max_size=2, unique=True).map(tuple),
    diversity=st.sampled_from([0.0, 0.0, 0.3, 1.0]),
    sort=st.sampled_from(["", "", *SORTABLE, *(f"-{name}" for name in SORTABLE)]),
    fold=st.booleans(),
)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_every_engine_answers_like_the_exact_index(
    services: dict[str, SearchService], engine: str, query: SearchQuery
) -> None:
    expected, found = services["memory"].search(query), services[engine].search(query)
    assert comparable(found) == comparable(expected)
    assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in expected.hits], abs=1e-5)
    assert [hit.relevance for hit in found.hits] == pytest.approx([hit.relevance for hit in expected.hits], abs=1e-3)


def comparable(result: SearchResult) -> object:
    """What must be equal to the letter."""
    hits = [(hit.id, hit.path, hit.copies, hit.words) for hit in result.hits]
    return hits, result.no_match, result.relevant, result.facets, result.understood


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_pages_join_to_the_whole(services: dict[str, SearchService], query: SearchQuery) -> None:
    service = services["memory"]
    whole = service.search(SearchQuery(**{**fields(query), "limit": 60, "offset": 0})).hits
    pages = [
        service.search(SearchQuery(**{**fields(query), "limit": 7, "offset": start})).hits for start in range(0, 63, 7)
    ]
    assert [hit.id for hit in itertools.chain(*pages)] == [hit.id for hit in whole]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_a_filter_takes_away_and_never_lifts(services: dict[str, SearchService], query: SearchQuery) -> None:
    """What passes keeps its score; relevance is measured in the whole collection, so nothing else becomes relevant."""
    service = services["memory"]
    plain = {**fields(query), "limit": 60, "offset": 0, "diversity": 0.0, "sort": "", "fold": False, "facets": ()}
    everything = {hit.id: hit for hit in service.search(SearchQuery(**{**plain, "where": ()})).hits}
    for hit in service.search(SearchQuery(**plain)).hits:
        assert hit.score == everything[hit.id].score
        assert hit.evidence == everything[hit.id].evidence


def fields(query: SearchQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in SearchQuery.__dataclass_fields__}


@pytest.mark.parametrize("engine", ["memory", *ENGINES])
def test_copies_fold_into_the_best_of_them(services: dict[str, SearchService], engine: str) -> None:
    query = SearchQuery(terms=(Term(id=3),), words="off", limit=60, fold=True)
    hits = services[engine].search(query).hits
    assert len(hits) == COUNT - 1 - 1 - 1, "the picture itself is no answer; 8 goes into 7, 21 into 20"
    assert {hit.id: hit.copies for hit in hits if hit.copies} == {7: (8,), 20: (21,)}
    unfolded = services[engine].search(SearchQuery(terms=(Term(id=3),), words="off", limit=60)).hits
    assert len(unfolded) == COUNT - 1
    assert [hit.id for hit in unfolded[:2]] == [7, 8]
    assert sorted(COPIES) == [7, 8, 21]


@pytest.mark.parametrize("engine", ["memory", *ENGINES])
def test_what_is_to_be_left_out_goes_down(services: dict[str, SearchService], engine: str) -> None:
    service = services[engine]

    def places(text: str, *more: Term) -> dict[int, int]:
        hits = service.search(SearchQuery(text, terms=more, limit=60, words="off")).hits
        return {hit.id: place for place, hit in enumerate(hits)}

    nearest = service.search(SearchQuery("dog", limit=5, words="off")).hits
    before = places("car")
    for query in ("car without dog", "car -dog"):
        after = places(query)
        assert sum(after[hit.id] - before[hit.id] for hit in nearest) > 0
    assert places("car without dog") == places("car", Term("dog", weight=SPOKEN))


def test_sorting_shows_the_relevant_ones_in_order(services: dict[str, SearchService]) -> None:
    service = services["memory"]
    best = {hit.id for hit in service.search(SearchQuery("car", limit=60, min_relevance=0.5)).hits}
    assert len(best) > 1
    sorted_hits = service.search(SearchQuery("car", limit=60, sort="-bytes")).hits
    assert {hit.id for hit in sorted_hits} == best
    sizes = [service.picture(hit.id).picture.size_bytes for hit in sorted_hits]
    assert sizes == sorted(sizes, reverse=True)


def test_without_a_match_there_is_no_order_but_nearness(services: dict[str, SearchService]) -> None:
    asked = {"terms": (Term("dog"), Term("dog", weight=-2)), "words": "off", "limit": 9}
    plain = services["memory"].search(SearchQuery(**asked))
    assert plain.no_match
    ordered = services["memory"].search(SearchQuery(**asked, sort="date"))
    assert [hit.id for hit in ordered.hits] == [hit.id for hit in plain.hits]


def test_diversity_spreads_what_is_relevant(services: dict[str, SearchService]) -> None:
    service = services["memory"]

    def likeness(diversity: float) -> float:
        hits = service.search(SearchQuery("car red", limit=4, diversity=diversity, words="off")).hits
        rows = np.stack([*service.reader.vectors([hit.id for hit in hits]).values()])
        return float((rows @ rows.T)[np.triu_indices(len(rows), 1)].mean())

    assert likeness(0.7) < likeness(0.0)


def test_printed_words_alone_need_words(services: dict[str, SearchService]) -> None:
    service = services["memory"]
    assert service.search(SearchQuery("sale", words="only")).hits[0].words
    with pytest.raises(BadRequest, match="needs words to look for"):
        service.search(SearchQuery(terms=(Term(id=5),), words="only"))
    bare = MemoryStore("bare")
    with bare.writer(SPEC, "/pictures") as writer:
        writer.upsert([Point(1, service.reader.vectors([1])[1], picture(1))])
        writer.commit()
    with pytest.raises(BadRequest, match="indexed with its words"):
        serve(bare).search(SearchQuery("sale", words="only"))
    assert serve(bare).search(SearchQuery("sale")).hits[0].id == 1, "together they are the pictures alone"


def test_print_is_asked_for_the_words_that_tell(services: dict[str, SearchService]) -> None:
    service = services["memory"]
    asking = Asking(service.queries, service.reader, service.reader.manifest())
    for text, terms in (("I should buy it because it is fast", ("buy", "fast")), ("The Who", ("the", "who"))):
        [form] = [each.vector for each in asking.ask(SearchQuery(text)).questions if each.channel == "form"]
        assert isinstance(form, SparseVector)
        assert sorted(form.indices.tolist()) == sorted(map(term_id, terms))


def test_deep_pages_of_a_large_collection_join(
    monkeypatch: pytest.MonkeyPatch, services: dict[str, SearchService]
) -> None:
    """With tiers of four, sixty pictures are a large collection."""
    monkeypatch.setattr(pool, "FIRST_TIER", 4)
    service = services["memory"]
    for more in (
        {},
        {"facets": ("colour",)},
        {"fold": True},
        {"words": "off"},
        {"where": (Condition("width", gte=620),)},
    ):
        whole = [hit.id for hit in service.search(SearchQuery("car red", limit=60, **more)).hits]
        pages = [
            hit.id
            for start in range(0, 60, 7)
            for hit in service.search(SearchQuery("car red", limit=7, offset=start, **more)).hits
        ]
        assert len(whole) > 40
        if not more.get("facets"):  # counting looks at all relevant ones first, so its order is that of larger tiers
            assert pages == whole
        assert len(pages) == len(whole) == len(set(pages))
