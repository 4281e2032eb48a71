"""Moving a collection from one engine to another and back: equal, resumable, and never shown before it is verified."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from search_app.datatypes import Manifest, WholePoint
from search_app.errors import ModelMismatch, MovingError, NoIndexYet
from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.profile import Profile, Vectors
from search_app.moving.canonical import HALVES, canonical, difference
from search_app.moving.copying import Copied
from search_app.moving.move import Moved, MoveOptions, move
from search_app.moving.verifying import verify
from tests.index.conftest import LOCAL_MODE_WARNINGS
from tests.index.points import FOLDER, OTHER, SPEC, ids_of, points, query
from tests.moving.places import (
    PLACES,
    WORDS,
    collections,
    fill,
    forms,
    held,
    in_turn,
    make_place,
    point,
    quiet,
)

pytestmark = LOCAL_MODE_WARNINGS
POINTS = [point(number) for number in range(1, 751) if number % 7]


@dataclass
class Broken:
    """A source that ends in an error."""

    manifest: Manifest
    points_there: list[WholePoint]
    fails_at: int

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        return in_turn(self.points_there, self.fails_at)


def moved(source: IndexStore, target: IndexStore, **options: object) -> Moved:
    reader = source.reader()
    try:
        with reader.pinned() as pinned:
            return move(pinned, target, quiet, MoveOptions(**options))  # type: ignore[arg-type]
    finally:
        reader.close()


def is_empty(store: IndexStore) -> bool:
    reader = store.reader()
    try:
        reader.manifest()
    except NoIndexYet:
        return True
    finally:
        reader.close()
    return False


@pytest.mark.parametrize(
    ("first", "second"),
    [("memory", "edge"), ("edge", "server"), ("server", "edge"), ("edge", "edge"), ("server", "server")],
)
def test_a_collection_arrives_as_it_was(first: str, second: str, tmp_path: Path) -> None:
    source, target = make_place(first, tmp_path, "here"), make_place(second, tmp_path, "there")
    fill(source, POINTS, next_id=9_999)
    was, points_there = held(source)
    done = moved(source, target)
    now, arrived = held(target)
    assert (done.kept, done.written, done.removed) == (0, len(POINTS), 0)
    assert (now.collection, now.generation) == ("there", 1)
    same = ("model", "fingerprint", "dim", "folder", "next_id", "count", "words_fingerprint", "words_dim")
    assert [getattr(now, name) for name in same] == [getattr(was, name) for name in same]
    assert (now.next_id, now.folder) == (9_999, FOLDER)
    assert [difference(*pair) for pair in zip(points_there, arrived, strict=True)] == [""] * len(POINTS)
    if second == "server":  # the in-memory mode normalises what is normal already
        assert done.verified.rounded > 0
        assert done.verified.checksum != done.verified.target_checksum
    else:
        assert forms(points_there) == forms(arrived)
        assert (done.verified.rounded, done.verified.checksum) == (0, done.verified.target_checksum)
    assert done.verified.searches == 16


def test_there_and_back_again_is_bit_by_bit_what_came_back_first(tmp_path: Path) -> None:
    stores = [make_place(kind, tmp_path, name) for kind, name in (("edge", "a"), ("server", "b"), ("edge", "c"))]
    fill(stores[0], POINTS[:200])
    moved(stores[0], stores[1])
    moved(stores[1], stores[2])
    back = held(stores[2])[1]
    assert forms(back) == forms(held(stores[1])[1])
    assert [difference(*pair) for pair in zip(held(stores[0])[1], back, strict=True)] == [""] * 200


@pytest.mark.parametrize("kind", PLACES)
def test_a_move_that_was_ended_goes_on(kind: str, tmp_path: Path) -> None:
    source, target = make_place("memory", tmp_path, "here"), make_place(kind, tmp_path, "there")
    manifest = fill(source, POINTS)
    with pytest.raises(OSError, match="went away"):
        move(Broken(manifest, POINTS, 620), target, quiet)
    assert is_empty(target)
    done = moved(source, target)
    assert (done.kept, done.written) == (500, len(POINTS) - 500)  # the batch that was under way is written again
    assert len(held(target)[1]) == len(POINTS)


@pytest.mark.parametrize("kind", PLACES)
def test_what_changed_in_the_source_meanwhile_is_moved_too(kind: str, tmp_path: Path) -> None:
    source, target = make_place("memory", tmp_path, "here"), make_place(kind, tmp_path, "there")
    manifest = fill(source, POINTS)
    with pytest.raises(OSError, match="went away"):
        move(Broken(manifest, POINTS, 640), target, quiet)
    with source.writer(SPEC, FOLDER) as writer:
        writer.delete([POINTS[0].id, POINTS[300].id, POINTS[-1].id])
        writer.write([replace(POINTS[10], vector=POINTS[11].vector), point(7)])
        writer.commit()
    done = moved(source, target)
    assert done.removed == 2
    assert done.kept == 500 - 3
    assert [difference(*pair) for pair in zip(held(source)[1], held(target)[1], strict=True)] == [
        ""
    ] * done.verified.count


def test_a_collection_that_is_there_is_kept_unless_it_shall_be_replaced(tmp_path: Path) -> None:
    for kind in PLACES:
        source, target = make_place("memory", tmp_path, "here"), make_place(kind, tmp_path, f"there-{kind}")
        fill(source, POINTS[:20])
        with target.writer(OTHER, "/elsewhere") as writer:
            writer.upsert(points(range(1, 51)))
            writer.commit()
        with pytest.raises(MovingError, match=r"holds 50 pictures \(model other\)"):
            moved(source, target)
        reader = target.reader()
        assert reader.count() == 50
        reader.close()
        done = moved(source, target, replace=True, folder="/new/place")
        assert (done.manifest.next_id, done.manifest.folder, done.manifest.model) == (51, "/new/place", "small")
        with pytest.raises(ModelMismatch), target.writer(OTHER, FOLDER):
            pass


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("damage", ["vector", "payload", "words", "missing", "surplus"])
def test_what_is_not_equal_is_told_and_not_shown(kind: str, damage: str, tmp_path: Path) -> None:
    target = make_place(kind, tmp_path, "there")
    there, wrong = POINTS[:50], POINTS[26]
    assert wrong.words is not None
    what = {
        "vector": ([replace(wrong, vector=POINTS[3].vector)], "differs in the vector, by up to"),
        "payload": ([replace(wrong, picture=replace(wrong.picture, meta={"n": 1}))], "differs in meta: "),
        "words": ([replace(wrong, words=None)], "differs in the printed words"),
        "missing": ([], f"point {wrong.id} is on one side only"),
        "surplus": ([wrong, point(7)], "point 7 is on one side only"),
    }
    instead, told = what[damage]
    with target.writer(SPEC, FOLDER) as writer:
        writer.open_words(WORDS)
        writer.write([one for one in there if one is not wrong] + instead)
        with pytest.raises(MovingError, match=told):
            verify(iter(there), writer, Copied(written=len(there), sample=[wrong.vector]), quiet(""))
    assert is_empty(target)


def test_other_answers_are_told(tmp_path: Path) -> None:
    target = make_place("memory", tmp_path, "there")
    with target.writer(SPEC, FOLDER) as writer:
        writer.open_words(WORDS)
        writer.write(POINTS[:50])
        search = writer.search
        writer.search = lambda queries: search([replace(query(1), vector=POINTS[9].vector) for _ in queries])  # type: ignore[method-assign]
        with pytest.raises(MovingError, match="has other neighbours in the copy"):
            verify(iter(POINTS[:50]), writer, Copied(written=50, sample=[POINTS[3].vector]), quiet(""))


def test_a_source_that_lacks_points_is_told(tmp_path: Path) -> None:
    source, target = make_place("memory", tmp_path, "here"), make_place("memory", tmp_path, "there")
    manifest = replace(fill(source, POINTS[:30]), count=31)

    class Short(Broken):
        def points(self, after: int = 0) -> Iterator[WholePoint]:
            return iter(self.points_there)

    with pytest.raises(MovingError, match="says that it holds 31 points and gave 30"):
        move(Short(manifest, POINTS[:30], 0), target, quiet)
    assert is_empty(target)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=collections())
def test_every_payload_arrives(world: list[WholePoint], tmp_path: Path) -> None:
    source, between, target = (
        make_place(kind, tmp_path, name) for kind, name in (("memory", "a"), ("server", "b"), ("memory", "c"))
    )
    fill(source, world)
    moved(source, between)
    moved(between, target)
    arrived = held(target)[1]
    assert [difference(*pair) for pair in zip(world, arrived, strict=True)] == [""] * len(world)
    kinds = [
        [{name: type(value) for name, value in each.picture.meta.items()} for each in some] for some in (world, arrived)
    ]
    assert kinds[0] == kinds[1]


def test_the_canonical_form_tells_apart_what_python_takes_for_equal() -> None:
    one = POINTS[0]
    kinds = [replace(one, picture=replace(one.picture, meta={"x": value})) for value in (1, 1.0, True, "1", ("1",))]
    assert len({canonical(each) for each in kinds}) == len(kinds)
    assert all(difference(kinds[0], other).startswith("meta: ") for other in kinds[1:])


def test_searches_find_in_the_copy_what_they_found_before(tmp_path: Path) -> None:
    source, target = make_place("edge", tmp_path, "here"), make_place("edge", tmp_path, "there")
    fill(source, POINTS)
    moved(source, target)
    readers = [store.reader() for store in (source, target)]
    asked = [query(number, 10) for number in range(1, 40)]
    found = [[ids_of(answer) for answer in reader.search(asked)] for reader in readers]
    assert found[0] == found[1]
    for reader in readers:
        reader.close()


def test_a_target_that_halves_numbers_is_allowed_to_where_that_was_asked_for(tmp_path: Path) -> None:
    source = make_place("memory", tmp_path, "here")
    halves = EdgeStore(tmp_path / "storage", "there", shape=Profile(vectors=Vectors(datatype="float16")).shape())
    fill(source, POINTS[:60])
    with pytest.raises(MovingError, match="differs in the vector"):
        moved(source, halves)
    done = moved(source, halves, allowed=HALVES)
    assert done.verified.rounded == 60
    assert held(halves)[0].count == 60
