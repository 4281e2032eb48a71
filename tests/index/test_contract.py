"""What every index must do, whatever engine is behind it."""

from dataclasses import replace

import numpy as np
import pytest

from search_app.datatypes import Known, Manifest, Picture, Point, VectorQuery
from search_app.errors import IndexInUse, ModelMismatch, NoIndexYet
from search_app.index.base import IndexStore
from search_app.index.memory.store import MemoryStore
from tests.index.conftest import MakeStore
from tests.index.points import DIM, FOLDER, OTHER, SPEC, eventually, ids_of, picture, points, query, unit


def fill(store: IndexStore, ids: range = range(1, 31)) -> Manifest:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(ids))
        return writer.commit()


def test_before_the_first_commit_there_is_no_index_yet(make_store: MakeStore) -> None:
    reader = make_store().reader()
    for ask in (reader.manifest, reader.count, lambda: reader.search([query(1)]), lambda: list(reader.scan())):
        with pytest.raises(NoIndexYet):
            ask()
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
        with pytest.raises(NoIndexYet):
            reader.search([query(1)])
        writer.commit()
    eventually(lambda: can(reader.count))
    assert reader.count() == 3
    reader.close()


def can(ask: object) -> bool:
    try:
        ask()  # type: ignore[operator]
    except NoIndexYet:
        return False
    return True


def test_what_was_committed_can_be_read_back(make_store: MakeStore) -> None:
    committed = fill(make_store())
    reader = make_store().reader()
    made = {point.id: point for point in points(range(1, 31))}
    assert reader.count() == 30
    assert list(reader.scan()) == [Known(number, made[number].picture) for number in range(1, 31)]
    assert reader.fetch([7, 99, 3, 7]) == {7: Known(7, made[7].picture), 3: Known(3, made[3].picture)}
    vectors = reader.vectors([30, 1, 1000])
    assert set(vectors) == {30, 1}
    for number, vector in vectors.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, made[number].vector, atol=1e-6)
    assert reader.fetch([]) == {}
    assert reader.vectors([]) == {}
    manifest = reader.manifest()
    assert (manifest.model, manifest.fingerprint, manifest.dim) == (SPEC.name, SPEC.fingerprint, DIM)
    assert (manifest.folder, manifest.next_id, manifest.count, manifest.generation) == (FOLDER, 31, 30, 1)
    assert manifest == committed
    reader.close()


def test_every_kind_of_payload_survives(make_store: MakeStore) -> None:
    odd = ["ünï/コード 🐈.png", "new\nline.gif", "bad-\udcff-byte.jpg", "a" * 4000, 'quote"\\.jpg', " "]
    pictures = [Picture(path, f"{n:032x}", 2**40, 2**62, 1, 65535, "AVIF") for n, path in enumerate(odd)]
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(n, unit(n), one) for n, one in enumerate(pictures, 1)])
        writer.commit()
    reader = make_store().reader()
    assert [known.picture for known in reader.scan()] == pictures
    reader.close()


def test_a_search_answers_best_first_like_the_oracle(make_store: MakeStore) -> None:
    oracle = MemoryStore("images")
    fill(oracle)
    fill(make_store())
    reader = make_store().reader()
    questions = [
        query(100, 5),
        query(101, 5, offset=5),
        query(102, 100),
        query(103, 10, min_score=0.1, exact=True),
        query(104, 0),
        query(105, 5, offset=28),
        query(106, 5, offset=200),
        query(107, 5, min_score=1.1),
    ]
    expected = oracle.reader().search(questions)
    answers = reader.search(questions)
    assert len(answers) == len(questions)
    for answer, right in zip(answers, expected, strict=True):
        assert ids_of(answer) == ids_of(right)
        np.testing.assert_allclose(answer.scores, right.scores, atol=1e-6)
        assert answer.ids.dtype == np.int64
        assert answer.scores.dtype == np.float32
    assert reader.search([]) == []
    assert ids_of(reader.search([query(9, 1)])[0]) == [9]
    reader.close()


def test_a_score_that_was_shown_can_be_the_least_score(make_store: MakeStore) -> None:
    fill(make_store())
    reader = make_store().reader()
    shown = reader.search([query(100, 5)])[0]
    again = reader.search([query(100, 30, min_score=float(str(shown.scores[4])))])[0]
    assert ids_of(again) == ids_of(shown)
    reader.close()


def test_ties_come_by_id_and_pages_neither_repeat_nor_miss(make_store: MakeStore) -> None:
    twins = [Point(number, unit(1), picture(number)) for number in range(60, 0, -1)]
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(twins)
        writer.upsert(points(range(100, 105)))
        writer.commit()
    reader = make_store().reader()
    pages = reader.search([query(1, 7, offset=offset) for offset in range(0, 63, 7)])
    assert [number for page in pages for number in ids_of(page)][:60] == list(range(1, 61))
    reader.close()


def test_a_malformed_query_is_a_value_error(make_store: MakeStore) -> None:
    fill(make_store(), range(1, 4))
    reader = make_store().reader()
    not_numbers = np.full(DIM, np.nan, np.float32)
    for vector, limit, offset in ((unit(1, DIM + 1), 5, 0), (not_numbers, 5, 0), (unit(1), -1, 0), (unit(1), 5, -1)):
        with pytest.raises(ValueError):
            reader.search([VectorQuery(vector, limit, offset)])
    assert ids_of(reader.search([query(2, 1)])[0]) == [2]
    reader.close()


def bad_batches() -> list[tuple[str, list[Point]]]:
    good = points([500])[0]
    infinite = unit(501).copy()
    infinite[3] = np.inf
    return [
        ("dimension", [good, replace(good, id=501, vector=unit(501, DIM - 1))]),
        ("finite", [good, replace(good, id=501, vector=infinite)]),
        ("finite", [good, replace(good, id=501, vector=np.full(DIM, np.nan, np.float32))]),
        ("length", [good, replace(good, id=501, vector=unit(501) * np.float32(1.01))]),
        ("length", [good, replace(good, id=501, vector=np.zeros(DIM, np.float32))]),
        ("id", [good, replace(good, id=0)]),
        ("id", [good, replace(good, id=-3)]),
        ("id", [good, replace(good, id=2**63)]),
        ("twice", [good, good]),
    ]


def test_a_malformed_point_refuses_its_whole_batch(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
        for _, batch in bad_batches():
            with pytest.raises(ValueError, match=r"500|501|point id"):
                writer.upsert(batch)
        with pytest.raises(ValueError, match="9"):
            writer.update_pictures([Known(1, picture(2)), Known(9, picture(9))])
        assert writer.commit().count == 1
        assert list(writer.scan()) == [Known(1, picture(1))]
        assert writer.manifest().next_id == 2


def test_changes_replace_and_remove(make_store: MakeStore) -> None:
    store = make_store()
    fill(store)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(5, unit(905), picture(905)), Point(31, unit(31), picture(31))])
        writer.update_pictures([Known(6, picture(6, "renamed/6.jpg"))])
        writer.delete([1, 2, 3, 7777])
        writer.delete([])
        writer.upsert([])
        writer.update_pictures([])
        np.testing.assert_allclose(writer.vectors([5])[5], unit(905), atol=1e-6)
        expected = [4, *range(5, 32)]
        assert [known.id for known in writer.scan()] == expected
        manifest = writer.commit()
    assert (manifest.count, manifest.next_id, manifest.generation) == (28, 32, 2)
    reader = make_store().reader()
    assert [known.id for known in reader.scan()] == expected
    assert reader.fetch([6])[6].picture.path == "renamed/6.jpg"
    np.testing.assert_allclose(reader.vectors([6])[6], unit(6), atol=1e-6)
    assert reader.fetch([5])[5].picture == picture(905)
    assert ids_of(reader.search([query(905, 1)])[0]) == [5]
    assert 1 not in ids_of(reader.search([query(1, 30)])[0])
    reader.close()


def test_ids_are_never_given_again(make_store: MakeStore) -> None:
    fill(make_store(), range(1, 11))
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.delete([8, 9, 10])
        assert writer.commit().next_id == 11
    with make_store().writer(SPEC, FOLDER) as writer:
        assert writer.manifest().next_id == 11
        writer.delete(range(1, 8))
        assert writer.commit() == replace(writer.manifest(), count=0, next_id=11)
    with make_store().writer(OTHER, FOLDER, rebuild=True) as writer:
        assert writer.manifest().next_id == 11
        assert writer.commit().next_id == 11


def test_a_reader_follows_the_commits_of_another_writer(make_store: MakeStore) -> None:
    fill(make_store(), range(1, 6))
    reader = make_store().reader()
    assert (reader.count(), reader.manifest().generation) == (5, 1)
    with make_store().writer(SPEC, "/moved") as writer:
        for number, final in ((6, False), (7, False), (8, True)):
            writer.upsert(points([number]))
            committed = writer.commit(final=final)
            assert (committed.count, committed.generation) == (number, number - 4)
            eventually(lambda generation=committed.generation: reader.manifest().generation == generation)
            assert reader.count() == number
            assert ids_of(reader.search([query(number, 1)])[0]) == [number]
    assert reader.manifest().folder == "/moved"
    reader.close()


def test_a_commit_of_nothing_new_changes_nothing(make_store: MakeStore) -> None:
    fill(make_store())
    for final in (True, False, True):
        with make_store().writer(SPEC, FOLDER) as writer:
            before = writer.manifest()
            assert len(list(writer.scan())) == 30
            assert writer.commit(final=final) == before
    assert make_store_generation(make_store) == 1


def make_store_generation(make_store: MakeStore) -> int:
    reader = make_store().reader()
    try:
        return reader.manifest().generation
    finally:
        reader.close()


def test_an_empty_collection_is_an_index_too(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        assert list(writer.scan()) == []
        assert writer.vectors([1]) == {}
        assert (writer.manifest().next_id, writer.manifest().generation) == (1, 0)
        assert writer.commit().count == 0
    reader = make_store().reader()
    assert reader.count() == 0
    assert list(reader.scan()) == []
    assert ids_of(reader.search([query(1)])[0]) == []
    reader.close()


def test_vectors_of_another_model_are_refused_with_the_remedies(make_store: MakeStore) -> None:
    fill(make_store())
    with pytest.raises(ModelMismatch) as refused:
        make_store().writer(OTHER, FOLDER)
    for word in ("small", "other", "SEARCH_MODEL=small", "SEARCH_COLLECTION", "--rebuild"):
        assert word in str(refused.value)
    with pytest.raises(ModelMismatch):
        make_store().writer(replace(SPEC, fingerprint="c" * 32), FOLDER)
    fill(make_store(), range(31, 33))
    assert make_store_generation(make_store) == 2


def test_a_rebuild_replaces_the_model_when_it_is_committed(make_store: MakeStore) -> None:
    fill(make_store())
    reader = make_store().reader()
    wide = replace(OTHER, dim=DIM + 4)
    with make_store().writer(wide, FOLDER, rebuild=True) as writer:
        assert list(writer.scan()) == []
        writer.upsert(points(range(31, 36), DIM + 4))
        assert (reader.count(), reader.manifest().model) == (30, "small")
        assert ids_of(reader.search([query(9, 1)])[0]) == [9]
        assert writer.commit().model == "other"
    eventually(lambda: reader.manifest().model == "other")
    assert [known.id for known in reader.scan()] == list(range(31, 36))
    assert ids_of(reader.search([VectorQuery(unit(33, DIM + 4), 1)])[0]) == [33]
    with pytest.raises(ValueError):
        reader.search([query(1)])
    with pytest.raises(ModelMismatch):
        make_store().writer(SPEC, FOLDER)
    reader.close()


def test_one_writer_at_a_time(make_store: MakeStore) -> None:
    first = make_store().writer(SPEC, FOLDER)
    with pytest.raises(IndexInUse, match="is being written"):
        make_store().writer(SPEC, FOLDER)
    first.close()
    make_store().writer(SPEC, FOLDER).close()


def test_what_was_not_committed_is_there_for_the_next_writer(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 11)))
    with make_store().writer(SPEC, FOLDER) as writer:
        assert [known.id for known in writer.scan()] == list(range(1, 11))
        assert writer.manifest().next_id == 11
        writer.upsert(points(range(11, 21)))
        assert writer.commit().count == 20
        writer.upsert(points(range(21, 31)))
    with make_store().writer(SPEC, FOLDER) as writer:
        assert len(list(writer.scan())) == 30
        assert writer.manifest().next_id == 31
        assert writer.commit().count == 30
    assert make_store_generation(make_store) == 2


def test_what_an_interrupted_rebuild_of_another_folder_left_is_not_gone_on_with(make_store: MakeStore) -> None:
    fill(make_store())
    with make_store().writer(SPEC, "/pictures/elsewhere", rebuild=True) as writer:
        writer.upsert(points(range(31, 36)))
    with make_store().writer(SPEC, FOLDER, rebuild=True) as writer:
        assert not [*writer.scan()]


def test_an_interrupted_rebuild_goes_on_and_does_not_leak_into_a_plain_run(make_store: MakeStore) -> None:
    fill(make_store())
    with make_store().writer(OTHER, FOLDER, rebuild=True) as writer:
        writer.upsert(points(range(31, 36)))
    with make_store().writer(OTHER, FOLDER, rebuild=True) as writer:
        assert [known.id for known in writer.scan()] == list(range(31, 36))
        assert writer.manifest().next_id == 36
    with make_store().writer(SPEC, FOLDER) as writer:
        assert [known.id for known in writer.scan()] == list(range(1, 31))
        assert writer.manifest().next_id == 31
        writer.commit()
    assert make_store_generation(make_store) == 1
