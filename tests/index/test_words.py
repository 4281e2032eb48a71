"""The channels of the printed words, on every back end."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import (
    Known,
    Neighbours,
    PrintedWords,
    SparseVector,
    VectorQuery,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.index.base import IndexReader, IndexStore
from search_app.index.edge.shard import EdgeShard
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from tests.index.conftest import MakeStore
from tests.index.points import FOLDER, OTHER, SPEC, eventually, ids_of, picture, points, query, unit

WORDS = WordsSpec("reader-1", 4)
OTHER_WORDS = WordsSpec("reader-2", 6)
NOTHING = SparseVector(np.empty(0, np.uint32), np.empty(0, np.float32))


def sparse(**terms: float) -> SparseVector:
    """Terms `t7=0.5` as a sparse vector."""
    numbers = [int(name[1:]) for name in terms]
    return SparseVector(np.array(numbers, np.uint32), np.array([*terms.values()], np.float32))


def words_of(number: int, dim: int = WORDS.dim) -> WordsPoint:
    """Words that belong to `number`: every fifth picture has none; term t1 is common, t100+number its own."""
    if number % 5 == 0:
        return WordsPoint(number, PrintedWords((), "ocr"), None, NOTHING)
    read = PrintedWords((Word(f"word {number}", (0.1, 0.2, 0.3, 0.4), 0.5), Word("SÄLE", None, 1.0)), "ocr")
    terms = {f"t{100 + number}": 1.5, "t2": 0.25 * number} | ({"t1": 1.0} if number % 2 else {})
    return WordsPoint(number, read, unit(number + 1000, dim), sparse(**terms))


def fill(store: IndexStore, *, spec: WordsSpec = WORDS) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 31)))
        writer.open_words(spec)
        writer.update_words([words_of(number, spec.dim) for number in range(1, 31)])
        writer.commit()


def by_form(terms: SparseVector, limit: int = 10, **options: object) -> VectorQuery:
    return VectorQuery(terms, limit, channel="form", **options)  # type: ignore[arg-type]


def by_meaning(number: int, limit: int = 5, **options: object) -> VectorQuery:
    return VectorQuery(unit(number + 1000, WORDS.dim), limit, channel="meaning", **options)  # type: ignore[arg-type]


@pytest.fixture
def filled(make_store: MakeStore) -> MakeStore:
    fill(make_store())
    return make_store


def test_words_are_read_back_and_known_by_their_reader(filled: MakeStore) -> None:
    reader = filled().reader()
    manifest = reader.manifest()
    assert (manifest.words_fingerprint, manifest.words_dim) == (WORDS.fingerprint, WORDS.dim)
    assert reader.words([1, 5, 99]) == {1: words_of(1).words, 5: PrintedWords((), "ocr")}
    assert {known.words_by for known in reader.scan()} == {WORDS.fingerprint}
    assert set(reader.vectors([1, 5], "meaning")) == {1}
    np.testing.assert_allclose(reader.vectors([3], "meaning")[3], words_of(3).meaning, atol=1e-6)
    reader.close()


def test_every_channel_answers_as_the_oracle_does(filled: MakeStore) -> None:
    """Among them BM25: the engines multiply by the IDF of what they hold, pictures without words not counted."""
    oracle = MemoryStore("images")
    fill(oracle)
    questions = [
        by_form(sparse(t107=1.0)),
        by_form(sparse(t1=1.0, t2=1.0), 40),
        by_form(sparse(t1=0.5, t107=2.0, t99999=1.0), 3, offset=1),
        by_form(NOTHING),
        by_form(sparse(t99999=1.0)),
        by_form(sparse(t2=1.0), 40, among=(3, 4, 5, 77)),
        by_form(sparse(t2=1.0), 40, min_score=0.3),
        by_meaning(7),
        by_meaning(7, 40, exact=True),
        by_meaning(7, among=(1, 2, 3)),
        query(9, among=(1, 9, 12, 99)),
        query(9, among=()),
        query(9, 40),
    ]
    reader = filled().reader()
    found = reader.search(questions)
    for number, (ours, theirs) in enumerate(zip(found, oracle.reader().search(questions), strict=True)):
        assert ids_of(ours) == ids_of(theirs), questions[number]
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
    assert ids_of(found[0]) == [7]
    assert not ids_of(found[3])
    assert ids_of(found[7])[0] == 7
    reader.close()


def test_words_stay_with_a_renamed_picture_and_go_with_a_changed_one(filled: MakeStore) -> None:
    with filled().writer(SPEC, FOLDER) as writer:
        assert {known.words_by for known in writer.scan()} == {WORDS.fingerprint}
        writer.update_pictures([Known(7, picture(7, "renamed.jpg"))])
        writer.upsert(points([8]))
        writer.delete([9])
        writer.commit()
    reader = filled().reader()
    eventually(lambda: 9 not in reader.fetch([9]))
    assert reader.fetch([7, 8]) == {
        7: Known(7, picture(7, "renamed.jpg"), WORDS.fingerprint),
        8: Known(8, picture(8), ""),
    }
    assert reader.words([7, 8, 9]) == {7: words_of(7).words}
    assert set(reader.vectors([7, 8, 9], "meaning")) == {7}
    assert ids_of(one_answer(reader, by_form(sparse(t107=1.0, t108=1.0, t109=1.0)))) == [7]
    assert 8 not in ids_of(one_answer(reader, by_meaning(8, 40)))
    reader.close()


def test_a_writer_sees_the_words_it_has_stored_but_not_shown(filled: MakeStore, request: pytest.FixtureRequest) -> None:
    if "edge_light" in request.node.name:
        pytest.skip("a writer for a few changes keeps nothing that was not committed")
    with filled().writer(SPEC, FOLDER) as writer:
        writer.upsert(points([8]))
        writer.update_words([replace(words_of(6), id=7)])
    with filled().writer(SPEC, FOLDER) as writer:
        assert writer.words([1, 5, 7, 8, 99]) == {
            1: words_of(1).words,
            5: PrintedWords((), "ocr"),
            7: words_of(6).words,
        }


def one_answer(reader: IndexReader, question: VectorQuery) -> Neighbours:
    return reader.search([question])[0]


def test_words_are_replaced_whole(filled: MakeStore) -> None:
    with filled().writer(SPEC, FOLDER) as writer:
        writer.update_words([replace(words_of(5), id=7), replace(words_of(6), id=5)])
        writer.commit()
    reader = filled().reader()
    eventually(lambda: 5 in reader.vectors([5], "meaning"))
    assert reader.words([5, 7]) == {5: words_of(6).words, 7: PrintedWords((), "ocr")}
    assert not ids_of(one_answer(reader, by_form(sparse(t107=1.0))))
    assert sorted(ids_of(one_answer(reader, by_form(sparse(t106=1.0))))) == [5, 6]
    assert not reader.vectors([7], "meaning")
    reader.close()


def test_two_readers_of_words_never_mix(filled: MakeStore) -> None:
    with filled().writer(SPEC, FOLDER) as writer:
        writer.open_words(WORDS)
        assert {known.words_by for known in writer.scan()} == {WORDS.fingerprint}, "the same again keeps all"
        writer.open_words(OTHER_WORDS)
        assert {known.words_by for known in writer.scan()} == {""}
        writer.update_words([words_of(3, OTHER_WORDS.dim)])
        writer.commit()
    reader = filled().reader()
    eventually(lambda: reader.manifest().words_fingerprint == OTHER_WORDS.fingerprint)
    assert set(reader.words(range(1, 31))) == {3}
    assert set(reader.vectors(range(1, 31), "meaning")) == {3}
    assert ids_of(one_answer(reader, by_form(sparse(t2=1.0), 40))) == [3]
    with pytest.raises(ValueError, match=r"shape \(4,\), this collection has \(6,\)"):
        reader.search([by_meaning(7)])
    reader.close()


def test_a_collection_without_words_says_so(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
        with pytest.raises(ValueError, match="open_words"):
            writer.update_words([words_of(1)])
        writer.commit()
    reader = make_store().reader()
    assert reader.words([1]) == {}
    assert reader.vectors([1], "meaning") == {}
    for question in (by_form(sparse(t1=1.0)), by_meaning(1)):
        with pytest.raises(ValueError, match="holds no words"):
            reader.search([question])
    reader.close()


MALFORMED = [
    (replace(words_of(1), id=99), "no point has id 99"),
    (replace(words_of(1), meaning=unit(1, 5)), "shape"),
    (replace(words_of(1), meaning=np.zeros(4, np.float32)), "length 0"),
    (replace(words_of(1), form=SparseVector(np.array([1, 1], np.uint32), np.ones(2, np.float32))), "twice"),
    (replace(words_of(1), form=SparseVector(np.array([1], np.uint32), np.array([np.inf], np.float32))), "finite"),
]


def test_malformed_words_are_refused_before_anything_is_stored(filled: MakeStore) -> None:
    with filled().writer(SPEC, FOLDER) as writer:
        for bad, message in MALFORMED:
            with pytest.raises(ValueError, match=message):
                writer.update_words([replace(words_of(6), id=2), bad])
        writer.upsert(points([31]))
        writer.commit()
    reader = filled().reader()
    eventually(lambda: reader.count() == 31)
    assert reader.words([2]) == {2: words_of(2).words}
    reader.close()


def test_a_sparse_question_belongs_to_form_and_a_dense_one_does_not(filled: MakeStore) -> None:
    reader = filled().reader()
    for question in (VectorQuery(unit(1), 3, channel="form"), VectorQuery(sparse(t1=1.0), 3)):
        with pytest.raises(ValueError, match="takes a"):
            reader.search([question])
    reader.close()


def test_a_rebuild_starts_without_words(filled: MakeStore) -> None:
    with filled().writer(OTHER, FOLDER, rebuild=True) as writer:
        writer.upsert(points([40]))
        writer.commit()
    reader = filled().reader()
    eventually(lambda: reader.count() == 1)
    assert reader.manifest().words_dim == 0
    reader.close()


@pytest.fixture
def embedded(tmp_path: Path) -> EdgeStore:
    store = EdgeStore(tmp_path / "storage", "images")
    fill(store)
    return store


def everything(store: EdgeStore) -> tuple[object, ...]:
    """All that a reader can know of the words."""
    reader = store.reader()
    known = list(reader.scan())
    ids = [one.id for one in known]
    meanings = {number: vector.tobytes() for number, vector in reader.vectors(ids, "meaning").items()}
    words = reader.words(ids)
    found = one_answer(reader, by_form(sparse(t1=1.0, t2=1.0), 40))
    reader.close()
    return known, meanings, words, ids_of(found), found.scores.tolist()


def test_a_rebuild_from_the_export_brings_the_words_back(embedded: EdgeStore) -> None:
    before = everything(embedded)
    shutil.rmtree(embedded.index_dir / "images" / "gen-000001" / "shard")
    assert everything(embedded) == before


def test_an_export_renewed_in_part_holds_the_words(embedded: EdgeStore) -> None:
    """A few words changed: the second export is made from the first."""
    with embedded.writer(SPEC, FOLDER) as writer:
        writer.update_words([replace(words_of(6), id=5)])
        writer.delete([11])
        writer.commit()
    before = everything(embedded)
    shutil.rmtree(embedded.index_dir / "images" / "gen-000002" / "shard")
    assert everything(embedded) == before


def test_a_writer_that_dies_between_two_readers_of_words_leaves_none_half_done(embedded: EdgeStore) -> None:
    """The channels were emptied, the new reader not yet noted: nobody's words are taken for read."""
    writer = embedded.writer(SPEC, FOLDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EdgeShard, "open_words", interrupt_after(EdgeShard.open_words))
        with pytest.raises(KeyboardInterrupt):
            writer.open_words(OTHER_WORDS)
    writer.close()
    with embedded.writer(SPEC, FOLDER) as writer:
        writer.open_words(WORDS)
        assert {known.words_by for known in writer.scan()} == {""}


def interrupt_after(work: Callable[..., None]) -> Callable[..., None]:
    def interrupted(*arguments: object) -> None:
        work(*arguments)
        raise KeyboardInterrupt

    return interrupted
