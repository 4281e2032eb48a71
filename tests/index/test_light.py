"""A few changes as a delta over the last whole generation: what it costs, who sees it, and what becomes of it."""

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import (
    Known,
    Manifest,
    Point,
    PrintedWords,
    SparseVector,
    VectorQuery,
    Word,
    WordsPoint,
    WordsSpec,
)
from search_app.errors import DiskFull, IndexDamaged
from search_app.index.edge import serving
from search_app.index.edge.examine import examined, folder_facts
from search_app.index.edge.light import overlay
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from tests.index.points import FOLDER, SPEC, eventually, ids_of, picture, points, query, unit


@pytest.fixture
def store(tmp_path: Path) -> EdgeStore:
    """Thirty points in a whole generation; graphs from 200 points on, so that tests meet them."""
    store = EdgeStore(tmp_path / "storage", "images", graph_from=200)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 31)))
        writer.commit()
    return store


def add(store: EdgeStore, *ids: int) -> Manifest:
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(ids))
        return writer.commit()


def place(store: EdgeStore) -> Path:
    return store.index_dir / store.collection


def generations(store: EdgeStore) -> list[str]:
    return sorted(one.name for one in place(store).glob("gen-*"))


def shards(store: EdgeStore) -> list[str]:
    return sorted(one.parent.name for one in place(store).glob("gen-*/shard"))


def follows(reader: EdgeReader, manifest: Manifest) -> None:
    eventually(lambda: reader.manifest() == manifest)


def owner_of(reader: EdgeReader) -> int:
    assert reader._follower.serving is not None
    return reader._follower.serving.shard.process.pid


def test_readers_bring_deltas_into_what_answers_and_open_nothing_anew(store: EdgeStore) -> None:
    reader = store.reader()
    follows(reader, add(store, 31))
    owner = owner_of(reader)
    for number in range(32, 36):
        follows(reader, add(store, number))
        assert ids_of(reader.search([query(number, 1)])[0]) == [number]
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.delete([3, 33])
        writer.update_pictures([Known(4, picture(4, "renamed.jpg")), Known(34, picture(34, "also.jpg"))])
        manifest = writer.commit()
    follows(reader, manifest)
    assert owner_of(reader) == owner
    assert reader.fetch([3, 4, 33, 34]) == {
        4: Known(4, picture(4, "renamed.jpg")),
        34: Known(34, picture(34, "also.jpg")),
    }
    assert manifest.count == reader.count() == len([*reader.scan()]) == 33
    assert shards(store)[0] == "gen-000001"
    reader.close()
    assert generations(store) == ["gen-000001", "gen-000007"]


def test_who_asks_meanwhile_has_answers_of_one_generation(store: EdgeStore) -> None:
    reader = store.reader()
    follows(reader, add(store, 31))
    wrong: list[object] = []
    asked = [0, 0]
    stop = threading.Event()

    def ask(thread: int) -> None:
        while not stop.is_set():
            before = reader.manifest()
            found = len(reader.search([query(1, 100)])[0].ids)
            if reader.manifest() == before and found != before.count:
                wrong.append((before.generation, found))
            asked[thread] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for number in range(32, 40):
        follows(reader, add(store, number))
    stop.set()
    for thread in threads:
        thread.join()
    reader.close()
    assert wrong == []
    assert min(asked) > 8


def test_who_holds_on_to_a_generation_has_all_of_that_one(store: EdgeStore) -> None:
    reader = store.reader()
    follows(reader, add(store, 31))
    with reader.pinned() as pinned:
        follows(reader, add(store, 32))
        assert [point.id for point in pinned.points()] == list(range(1, 32))
    assert len([*reader.scan()]) == 32
    reader.close()


def test_what_lies_beneath_stays_as_long_as_it_is_needed(store: EdgeStore) -> None:
    reader = store.reader()
    follows(reader, add(store, 31))
    eventually(lambda: not reader._follower._retired)  # the first generation is closed and left
    assert "gen-000001" in generations(store)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([32]))
        follows(reader, writer.commit())
    reader.close()
    assert generations(store) == ["gen-000003"]
    assert [known.id for known in store.reader().scan()] == list(range(1, 33))


def test_a_whole_run_folds_the_delta_and_writes_the_same_export_as_a_fresh_one(
    store: EdgeStore, tmp_path: Path
) -> None:
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(31, unit(31), picture(31)), Point(5, unit(500), picture(500))])
        writer.delete([7])
        writer.commit()
    with store.writer(SPEC, FOLDER) as writer:
        writer.update_pictures([Known(9, picture(9, "other.jpg"))])
        writer.commit()
    other = EdgeStore(tmp_path / "fresh", "images")
    with other.writer(SPEC, FOLDER) as writer:
        writer.upsert([one for one in points(range(1, 32)) if one.id not in {5, 7, 9}])
        writer.upsert([Point(5, unit(500), picture(500)), Point(9, unit(9), picture(9, "other.jpg"))])
        writer.commit()
    ours = (place(store) / "gen-000003" / "points.jsonl").read_bytes()
    assert ours == (place(other) / "gen-000001" / "points.jsonl").read_bytes()
    np.testing.assert_allclose(*(np.load(one) for one in place(store).parent.parent.rglob("vectors.npy")), atol=1e-6)


def test_more_than_a_delta_may_hold_becomes_a_whole_generation(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "MOST", 4)
    add(store, 31, 32, 33)
    assert shards(store) == ["gen-000001"]
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.upsert(points([34]))
        writer.delete([31])
        writer.upsert(points([35, 36]))
        writer.update_pictures([Known(34, picture(34, "renamed.jpg"))])
        assert [known.id for known in writer.scan()] == [*range(1, 31), 32, 33, 34, 35, 36]
        assert writer.commit().count == 35
    assert shards(store) == generations(store) == ["gen-000003"]
    reader = store.reader()
    assert reader.fetch([34])[34].picture.path == "renamed.jpg"
    reader.close()


def test_so_does_a_great_loss_which_can_be_rolled_back(store: EdgeStore) -> None:
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.delete(range(1, 14))
        writer.commit()
    assert shards(store) == ["gen-000001"]
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.delete(range(14, 30))
        writer.commit()
    assert shards(store) == ["gen-000001", "gen-000003"]
    (place(store) / "CURRENT").write_text("gen-000002\n")
    reader = store.reader()
    assert [known.id for known in reader.scan()] == list(range(14, 31))
    reader.close()


def test_it_is_as_the_oracle_says(store: EdgeStore) -> None:
    oracle = MemoryStore("images")
    with oracle.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 31)))
        writer.commit()
    reader = store.reader()
    for step in range(6):
        for one in (store.lightly(), oracle):
            with one.writer(SPEC, FOLDER) as writer:
                writer.upsert([Point(step + 1, unit(700 + step), picture(700 + step)), *points([31 + step])])
                writer.delete([20 + step])
                manifest = writer.commit()
        eventually(lambda generation=manifest.generation: reader.manifest().generation == generation)
        theirs = oracle.reader()
        assert [*reader.scan()] == [*theirs.scan()]
        questions = [query(number, 40, exact=exact) for number in (31 + step, 700 + step) for exact in (True, False)]
        for mine, right in zip(reader.search(questions), theirs.search(questions), strict=True):
            assert ids_of(mine) == ids_of(right)
            np.testing.assert_allclose(mine.scores, right.scores, atol=1e-6)
    reader.close()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


HARMS: dict[str, Callable[[Path], None]] = {"cut": cut, "gone": Path.unlink}


@pytest.mark.parametrize("how", HARMS)
@pytest.mark.parametrize("file", ["points.jsonl", "vectors.npy"])
def test_one_copy_of_a_delta_mends_the_other(store: EdgeStore, how: str, file: str) -> None:
    add(store, 31)
    HARMS[how](place(store) / "gen-000002" / "delta" / file)
    facts = folder_facts(store.index_dir, store.collection)
    assert facts is not None
    assert "gen-000002" in facts.export
    add(store, 32)
    reader = store.reader()
    assert ids_of(reader.search([query(31, 1)])[0]) == [31]
    reader.close()
    facts = folder_facts(store.index_dir, store.collection)
    assert facts is not None
    assert not facts.export


def test_both_harmed_is_told_with_the_remedy_and_nothing_older_answers(store: EdgeStore) -> None:
    add(store, 31)
    for copy in ("delta", "delta.copy"):
        cut(place(store) / "gen-000002" / copy / "vectors.npy")
    reader = store.reader()
    with pytest.raises(IndexDamaged, match="--rebuild"):
        reader.count()
    reader.close()
    for one in (store, store.lightly()):
        with pytest.raises(IndexDamaged, match="--rebuild"), one.writer(SPEC, FOLDER) as writer:
            writer.upsert(points([32]))


def test_a_generation_beneath_that_is_damaged_is_mended_from_its_export(store: EdgeStore) -> None:
    add(store, 31)
    shutil.rmtree(place(store) / "gen-000001" / "shard")
    reader = store.reader()
    assert [known.id for known in reader.scan()] == list(range(1, 32))
    reader.close()
    add(store, 32)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([33]))
        assert writer.commit().count == 33


def test_without_an_export_to_look_things_up_in_a_whole_generation_is_made(store: EdgeStore) -> None:
    (place(store) / "gen-000001" / "points.jsonl").unlink()
    assert add(store, 31).count == 31
    assert shards(store) == ["gen-000002"]


def test_a_program_that_knows_no_deltas_refuses_one(store: EdgeStore) -> None:
    add(store, 31)
    kinds = {one.parent.name: json.loads(one.read_text()) for one in place(store).glob("gen-*/manifest.json")}
    assert {name: kind["schema_version"] for name, kind in kinds.items()} == {"gen-000001": 1, "gen-000002": 2}
    reader = store.reader()
    assert reader.manifest().schema_version == 1
    reader.close()


def test_it_is_examined_without_a_change(store: EdgeStore, tmp_path: Path) -> None:
    add(store, 31)
    before = sorted(place(store).rglob("*"))
    (tmp_path / "scratch").mkdir()
    with examined(store.index_dir, store.collection, tmp_path / "scratch") as found:
        assert found.manifest.count == len([*found.pictures.scan()]) == 31
    facts = folder_facts(store.index_dir, store.collection)
    assert facts is not None
    assert (facts.is_exported, facts.export, facts.leftovers) == (True, "", ())
    assert sorted(place(store).rglob("*")) == before


def test_a_full_disk_is_told_before_anything_is_written(store: EdgeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(store.index_dir)
    with store.lightly().writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=150 * 1024**2))
        with pytest.raises(DiskFull, match="MB free"):
            writer.commit()
        monkeypatch.undo()
        assert writer.commit().count == 31


def test_what_an_interrupted_run_left_is_gone_on_with(store: EdgeStore) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
    with store.lightly().writer(SPEC, FOLDER) as writer:
        assert writer.resumed()
        writer.upsert(points([32]))
        assert writer.commit().count == 32
    with store.lightly().writer(SPEC, FOLDER) as writer:
        assert not writer.resumed()


def test_a_reader_that_cannot_follow_keeps_answering(store: EdgeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = store.reader()
    follows(reader, add(store, 31))
    refused: list[Path] = []

    def full(folder: Path, _size: int) -> None:
        refused.append(folder)
        raise DiskFull("not now")

    monkeypatch.setattr(serving, "require_space", full)
    manifest = add(store, 32)
    eventually(lambda: len(refused) > 1)
    assert ids_of(reader.search([query(31, 1)])[0]) == [31]
    assert reader.count() == 31
    monkeypatch.undo()
    follows(reader, manifest)
    reader.close()


def printed(number: int) -> WordsPoint:
    """Three terms: one of all, one of the even or the odd, one of its own."""
    terms = np.array([1, 2 + number % 2, 10 + number], np.uint32)
    words = PrintedWords((Word(f"word {number}", None, 1.0),), "test")
    return WordsPoint(
        number, words, np.eye(4, dtype=np.float32)[number % 4], SparseVector(terms, np.ones(3, np.float32))
    )


def test_print_is_weighed_by_what_is_left_after_each_delta(tmp_path: Path) -> None:
    """The engine counts the terms of what was removed until it loads a shard anew, unless that was emptied before."""
    oracle, store = MemoryStore("images"), EdgeStore(tmp_path / "storage", "images")
    for one in (oracle, store):
        with one.writer(SPEC, FOLDER) as writer:
            writer.upsert(points(range(1, 31)))
            writer.open_words(WordsSpec("test", 4))
            writer.update_words([printed(number) for number in range(1, 31)])
            writer.commit()
    reader, expected = store.reader(), oracle.reader()
    asked = VectorQuery(SparseVector(np.array([2, 3, 15], np.uint32), np.ones(3, np.float32)), 40, channel="form")
    for gone, replaced in (([1, 3, 5], []), ([], [7]), ([2], [8, 9])):
        for one in (oracle, store.lightly()):
            with one.writer(SPEC, FOLDER) as writer:
                writer.delete(gone)
                writer.upsert(points(replaced))
                manifest = writer.commit()
        follows(reader, manifest)
        [here], [there] = reader.search([asked]), expected.search([asked])
        assert ids_of(here) == ids_of(there)
        np.testing.assert_allclose(here.scores, there.scores, rtol=1e-4)
    reader.close()
