"""What the service answers over an exact index whose right answers are known."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import FloatMatrix, Known, Manifest, Neighbours, Picture, VectorQuery
from search_app.errors import BadRequest, EncoderError, IndexUnavailable, ModelMismatch, NoIndexYet, NotFound
from search_app.index.memory.reader import MemoryReader
from search_app.index.memory.store import MemoryStore
from search_app.search.query import SearchQuery
from search_app.search.service import SearchService, scored
from tests.search.colours import COLOURS, SPEC, ColourEncoder, index_pictures, open_colours

OTHER = replace(SPEC, name="other", fingerprint="other-1")


@pytest.fixture
def world(tmp_path: Path) -> tuple[SearchService, MemoryStore]:
    return open_colours(tmp_path / "pictures", max_limit=50)


@pytest.fixture
def service(world: tuple[SearchService, MemoryStore]) -> SearchService:
    return world[0]


@pytest.mark.parametrize("colour", COLOURS)
def test_the_picture_that_is_meant_comes_first(service: SearchService, colour: str) -> None:
    result = service.search(SearchQuery(f"a {colour} thing"))
    assert result.hits[0].path == f"{colour}/a picture.png"
    assert result.hits[0].score == pytest.approx(1.0)
    assert len(result.hits) == 5
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)


def test_a_result_says_what_it_came_from(service: SearchService) -> None:
    result = service.search(SearchQuery("red"))
    assert (result.model, result.collection, result.generation) == ("colours", "colours", 1)
    took = result.took_ms
    assert min(took.encode, took.search, took.fetch) >= 0
    assert took.total >= max(took.encode, took.search, took.fetch)


def test_ids_alone_are_those_of_the_full_answer(service: SearchService) -> None:
    query = SearchQuery("red", limit=4, offset=1, min_score=-0.9)
    hits = service.search(query).hits
    assert scored(service.search_ids(query)) == [(hit.id, hit.score) for hit in hits]


def test_pages_join_without_gap_or_overlap(service: SearchService) -> None:
    whole = service.search(SearchQuery("red", limit=7)).hits
    pages = [service.search(SearchQuery("red", limit=2, offset=offset)).hits for offset in (0, 2, 4, 6)]
    assert tuple(hit for page in pages for hit in page) == whole


def test_a_score_that_was_answered_can_be_asked_for(service: SearchService) -> None:
    third = service.search(SearchQuery("red")).hits[2]
    assert service.search(SearchQuery("red", min_score=third.score)).hits[-1] == third


def test_a_batch_answers_as_single_queries_do(service: SearchService) -> None:
    texts = [f"{colour} {number}" for colour in COLOURS for number in range(20)]
    batch = service.search_batch(texts, limit=7)
    for text, found in zip(texts, batch, strict=True):
        assert scored(found) == scored(service.search_ids(SearchQuery(text, limit=7)))


def test_a_wrong_query_is_refused_at_every_door(service: SearchService) -> None:
    for ask in (
        lambda: service.search(SearchQuery("red", limit=51)),
        lambda: service.search_ids(SearchQuery(" ")),
        lambda: service.similar(1, limit=0),
    ):
        with pytest.raises(BadRequest):
            ask()


def test_neighbours_leave_out_the_picture_itself(service: SearchService) -> None:
    hits = service.similar(1, limit=6).hits
    assert [hit.id for hit in hits if hit.id == 1] == []
    assert len(hits) == 6
    with pytest.raises(NotFound):
        service.similar(99)


def test_the_same_text_is_encoded_once(world: tuple[SearchService, MemoryStore]) -> None:
    encoder = ColourEncoder()
    service = SearchService(encoder, world[1].reader())
    for text in ("red", " red ", "red\n"):
        service.search(SearchQuery(text))
    assert encoder.encoded == 1


def test_threads_get_their_own_answers(service: SearchService) -> None:
    asked = list(COLOURS) * 30
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda colour: service.search(SearchQuery(colour, limit=1)).hits[0].path, asked))
    assert answers == [f"{colour}/a picture.png" for colour in asked]


def test_without_an_index_everything_says_so_but_info_still_answers() -> None:
    service = SearchService(ColourEncoder(), MemoryStore("empty").reader())
    for ask in (
        lambda: service.search(SearchQuery("red")),
        lambda: service.similar(1),
        lambda: service.picture(1),
        service.ready,
    ):
        with pytest.raises(NoIndexYet):
            ask()
    assert service.info().index is None
    assert service.info().encoder == SPEC


def test_a_new_index_is_found_without_reopening(tmp_path: Path) -> None:
    store = MemoryStore("colours")
    service = SearchService(ColourEncoder(), store.reader())
    with pytest.raises(NoIndexYet):
        service.ready()
    index_pictures(store, tmp_path)
    assert service.ready().count == len(COLOURS)
    assert service.search(SearchQuery("blue")).hits[0].path == "blue/a picture.png"


def test_an_index_of_another_model_is_never_asked(world: tuple[SearchService, MemoryStore], tmp_path: Path) -> None:
    service, store = world
    service.search(SearchQuery("red"))
    index_pictures(store, tmp_path, OTHER, rebuild=True)
    for ask in (
        lambda: service.search(SearchQuery("red")),
        lambda: service.search_ids(SearchQuery("red")),
        lambda: service.search_batch(["red"], 1),
        service.ready,
    ):
        with pytest.raises(ModelMismatch, match="other"):
            ask()


@dataclass
class InterruptedReader:
    """The reader of a store that is replaced between the search and the fetch of the first question."""

    inner: MemoryReader
    replace_index: list[object]

    def manifest(self) -> Manifest:
        return self.inner.manifest()

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        found = self.inner.search(queries)
        if self.replace_index:
            self.replace_index.pop()()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def test_an_answer_never_mixes_two_generations(world: tuple[SearchService, MemoryStore]) -> None:
    _, store = world

    def lose_red() -> None:
        with store.writer(SPEC, "/elsewhere") as writer:
            writer.delete([1])
            writer.commit()

    service = SearchService(ColourEncoder(), InterruptedReader(store.reader(), [lose_red]))
    result = service.search(SearchQuery("red"))
    assert result.generation == 2
    assert len(result.hits) == 5
    assert 1 not in [hit.id for hit in result.hits]


def test_a_model_that_changes_during_a_question_is_noticed(world: tuple[SearchService, MemoryStore]) -> None:
    _, store = world
    replaced = [lambda: index_pictures(store, Path("/elsewhere"), OTHER, rebuild=True)]
    service = SearchService(ColourEncoder(), InterruptedReader(store.reader(), replaced))
    with pytest.raises(ModelMismatch):
        service.search_ids(SearchQuery("red"))


def test_an_index_that_never_holds_still_is_unavailable(world: tuple[SearchService, MemoryStore]) -> None:
    _, store = world
    replaced = [lambda: index_pictures(store, Path("/elsewhere"), rebuild=True)] * 100
    service = SearchService(ColourEncoder(), InterruptedReader(store.reader(), replaced))
    with pytest.raises(IndexUnavailable):
        service.search_ids(SearchQuery("red"))


class BrokenEncoder(ColourEncoder):
    """An encoder whose text vectors went bad."""

    def __init__(self, rows: list[float]) -> None:
        super().__init__()
        self.rows = rows

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        return np.array([self.rows] * len(texts), np.float32)


@pytest.mark.parametrize(
    "rows",
    [[np.nan] * 4, [2.0, 0, 0, 0], [0.0] * 4, [1.0, 0, 0], [1.0, 0, 0, 0]],
    ids=["not finite", "too long", "zero", "too few", "the same for all"],
)
def test_a_broken_model_is_not_ready(world: tuple[SearchService, MemoryStore], rows: list[float]) -> None:
    with pytest.raises(EncoderError, match="colours"):
        SearchService(BrokenEncoder(rows), world[1].reader()).ready()


def test_files_are_found_inside_the_folder(service: SearchService, tmp_path: Path) -> None:
    assert service.file_of(service.picture(1)) == tmp_path / "pictures" / "red" / "a picture.png"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "red/../../secret.png",
        "{outside}/secret.png",
        "link.png",
        "linked/secret.png",
        "red",
        "gone.png",
        "loop.png",
        "nul\0.png",
    ],
)
def test_no_file_outside_the_folder_is_ever_given(service: SearchService, tmp_path: Path, path: str) -> None:
    folder = tmp_path / "pictures"
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    picture = Picture(path.format(outside=tmp_path), "0" * 32, 6, 1, 1, 1, "PNG")
    with pytest.raises(NotFound):
        service.file_of(Known(8, picture))


def test_a_link_that_stays_inside_is_followed(service: SearchService, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "alias.png").symlink_to(folder / "red" / "a picture.png")
    picture = Picture("alias.png", "0" * 32, 6, 1, 1, 1, "PNG")
    assert service.file_of(Known(8, picture)) == folder / "red" / "a picture.png"
