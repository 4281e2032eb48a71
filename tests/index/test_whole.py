"""Whole points: read from one generation, written as they are, on every engine alike."""

from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import Picture, PrintedWords, SparseVector, WholePoint, Word, WordsPoint
from search_app.errors import IndexUnavailable, NoIndexYet
from search_app.index.base import IndexStore, IndexWriter
from search_app.index.edge.store import EdgeStore
from search_app.index.server.store import ServerStore
from search_app.moving.canonical import canonical, difference
from tests.index.conftest import MakeStore
from tests.index.points import FOLDER, SPEC, eventually, ids_of, picture, points, query, unit
from tests.index.worlds import NOTHING_READ, WORDS_SPEC, words_point

PRINTED = PrintedWords((Word("SÄLE \U0001f600", (0.1, 0.2, 0.30000001, 1.0), 0.875), Word("50%", None, 1.0)), "reader")
META = {"int": 1, "float": 1.0, "yes": True, "text": "1", "list": ("b", "a", "b"), "empty": (), "date": "2024-05-01"}


def whole(number: int, words: PrintedWords | None = None, **facts: object) -> WholePoint:
    one = picture(number)
    changed = Picture(**{name: getattr(one, name) for name in one.__dataclass_fields__} | facts)  # type: ignore[arg-type]
    return WholePoint(number, unit(number), changed, words_point(number, words) if words is not None else None)


WORLD = [
    whole(2, PRINTED, meta=META, colours=("red", "blue"), taken="2024-05-01T10:00:00+02:00", copy_of=1),
    whole(5, NOTHING_READ, path="bytes/\udcff.jpg", phash="0" * 64),
    whole(7, path="漢字/é.png"),
    whole(2_000_000_000_000, PRINTED),
]


def write(writer: IndexWriter, world: list[WholePoint]) -> None:
    writer.open_words(WORDS_SPEC)
    writer.write(world)
    writer.reserve(3_000_000_000_000)


def filled(store: IndexStore, world: list[WholePoint]) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        write(writer, world)
        writer.commit()


def test_whole_points_come_back_as_they_were_written(make_store: MakeStore) -> None:
    filled(make_store(), WORLD)
    reader = make_store().reader()
    with reader.pinned() as pinned:
        found = list(pinned.points())
        assert [one.id for one in pinned.points(5)] == [7, 2_000_000_000_000]
        assert not list(pinned.points(2_000_000_000_000))
        manifest = pinned.manifest
    assert [one.id for one in found] == [one.id for one in WORLD]
    assert [difference(*pair) for pair in zip(WORLD, found, strict=True)] == [""] * len(WORLD)
    assert [one.picture.meta for one in found] == [one.picture.meta for one in WORLD]
    kinds = {name: type(value) for name, value in found[0].picture.meta.items()}
    assert kinds == {name: type(value) for name, value in META.items()}
    assert [one.words is None for one in found] == [False, False, True, False]
    assert found[1].words is not None
    assert found[1].words.meaning is None
    assert (manifest.next_id, manifest.folder, manifest.count) == (3_000_000_000_000, FOLDER, 4)
    assert (manifest.words_fingerprint, manifest.words_dim) == (WORDS_SPEC.fingerprint, WORDS_SPEC.dim)
    reader.close()


def test_what_was_read_once_is_written_bit_by_bit(make_store: MakeStore, request: pytest.FixtureRequest) -> None:
    """The in-memory mode of qdrant-client alone normalises what is normal already, each time."""
    filled(make_store(), [whole(number) for number in range(1, 200)])
    reader = make_store().reader()
    with reader.pinned() as pinned:
        read = list(pinned.points())
    reader.close()
    with make_store().writer(SPEC, FOLDER, rebuild=True) as writer:
        writer.write(read)
        again = list(writer.points())
        writer.commit()
    assert [difference(*pair) for pair in zip(read, again, strict=True)] == [""] * len(read)
    if "server" not in request.node.name or "real" in request.node.name:
        assert list(map(canonical, read)) == list(map(canonical, again))


def test_a_pinned_generation_outlives_commits(make_store: MakeStore) -> None:
    filled(make_store(), WORLD)
    reader = make_store().reader()
    with reader.pinned() as pinned:
        stream = pinned.points()
        first = next(stream)
        with make_store().writer(SPEC, FOLDER, rebuild=True) as writer:
            writer.upsert(points([1]))
            writer.commit()
        eventually(lambda: reader.count() == 1)
        if not isinstance(make_store(), ServerStore):  # there a second run removes it: see the next test
            with make_store().writer(SPEC, FOLDER) as writer:
                writer.upsert(points([3]))
                writer.commit()
            eventually(lambda: reader.count() == 2)
        assert [first.id, *(one.id for one in stream)] == [one.id for one in WORLD]
        assert [one.id for one in pinned.points()] == [one.id for one in WORLD]
        assert pinned.manifest.count == len(WORLD)
    reader.close()


def test_a_server_collection_that_is_changed_in_its_place_is_told(make_store: MakeStore) -> None:
    filled(make_store(), WORLD)
    reader = make_store().reader()
    if not isinstance(make_store(), ServerStore):
        reader.close()
        return
    with reader.pinned() as pinned:
        stream = pinned.points()
        next(stream)
        with make_store().writer(SPEC, FOLDER) as writer:
            writer.upsert(points([1]))
            with pytest.raises(IndexUnavailable, match="changed by an index run"):
                list(stream)
            with pytest.raises(IndexUnavailable, match="changed by an index run"), reader.pinned():
                pass
            writer.commit()
        with pytest.raises(IndexUnavailable, match="changed by an index run"):
            list(pinned.points())
        for _ in range(2):  # a rebuild leaves what was there before it, the next one does not
            with make_store().writer(SPEC, FOLDER, rebuild=True) as writer:
                writer.upsert(points([2]))
                writer.commit()
        with pytest.raises(IndexUnavailable, match="changed by an index run"):
            list(pinned.points())
    reader.close()


def test_nothing_is_pinned_before_the_first_commit(make_store: MakeStore) -> None:
    reader = make_store().reader()
    with pytest.raises(NoIndexYet), reader.pinned():
        pass
    reader.close()


def test_a_writer_shows_and_searches_what_is_not_committed(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        write(writer, WORLD)
        assert [one.id for one in writer.points(2)] == [5, 7, 2_000_000_000_000]
        assert ids_of(writer.search([query(5, 1, exact=True)])[0]) == [5]
    with make_store().writer(SPEC, FOLDER) as writer:  # an interrupted run's work
        assert [one.id for one in writer.points()] == [one.id for one in WORLD]
        assert writer.manifest().next_id == 3_000_000_000_000
        writer.commit()


def test_malformed_whole_points_are_refused_before_anything_is_stored(make_store: MakeStore) -> None:
    form = SparseVector(np.array([1, 1], np.uint32), np.ones(2, np.float32))
    twice = WholePoint(9, unit(9), picture(9), WordsPoint(9, PRINTED, unit(9, 4), form))
    other = WholePoint(9, unit(9), picture(9), words_point(8, PRINTED))
    with make_store().writer(SPEC, FOLDER) as writer:
        with pytest.raises(ValueError, match="open_words"):
            writer.write([WORLD[0]])
        writer.open_words(WORDS_SPEC)
        for bad, what in ((twice, "index twice"), (other, "words of point 8"), (whole(0), "not a point id")):
            with pytest.raises(ValueError, match=what):
                writer.write([whole(3), bad])
        assert not list(writer.points())


def test_a_high_water_mark_never_goes_down(make_store: MakeStore) -> None:
    filled(make_store(), WORLD)
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.reserve(10)
        assert writer.manifest().next_id == 3_000_000_000_000
        writer.reserve(3_000_000_000_001)
        assert writer.commit().next_id == 3_000_000_000_001


def test_a_run_that_was_killed_after_it_made_room_for_words_can_be_ended_by_the_next(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path / "storage", "images")
    killed = store.writer(SPEC, FOLDER)
    killed.open_words(WORDS_SPEC)
    killed.write(WORLD)
    killed._work.shard().process.kill()
    killed.close()
    with store.writer(SPEC, FOLDER) as writer:
        assert [one.id for one in writer.points()] == [one.id for one in WORLD]
        assert writer.commit().count == len(WORLD)
