"""What conditions mean, what is refused, and how what they look at is stored."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge

from search_app.datatypes import Condition, Known, Picture, Point
from search_app.index.conditions import resolve
from search_app.index.edge.store import EdgeStore
from search_app.index.fields import INDEXES, with_has_words
from search_app.index.memory.store import MemoryStore
from search_app.index.payload import to_known
from tests.index.conftest import MakeStore
from tests.index.points import FOLDER, SPEC, ids_of, picture, points, query, unit
from tests.index.worlds import NOTHING_READ, READ, WORDS_SPEC, World, into, words_point


def matches(one: Picture, *where: Condition) -> bool:
    store = MemoryStore("images")
    into(store, World({1: one}, {}))
    return bool(store.reader().search([query(1, 1, where=where)])[0].ids.size)


def test_a_folder_is_all_that_lies_below_it_and_no_name_that_begins_alike() -> None:
    deep = picture(1, "a/b/c.jpg")
    assert matches(deep, Condition("folder", ("a",)))
    assert matches(deep, Condition("folder", ("/a/b/",)))
    assert not matches(deep, Condition("folder", ("a/b/c.jpg",)))
    assert not matches(picture(1, "ab/c.jpg"), Condition("folder", ("a",)))
    assert not matches(deep, Condition("folder", ("",)))
    assert matches(picture(1, "c.jpg"), Condition("folder", ("",)))


@pytest.mark.parametrize(
    ("bounds", "holds"),
    [
        ({"any_of": ("2024",)}, True),
        ({"any_of": ("2023", "2024-05")}, True),
        ({"any_of": ("2024-04",)}, False),
        ({"any_of": ("2024-05-31T18:30",)}, True),
        ({"any_of": ("2024-05-31T18:30:05+00:00",)}, True),
        ({"any_of": ("2024-05-31T18:30:06",)}, False),
        ({"gte": "2024-05-31"}, True),
        ({"gt": "2024-05-31"}, False),
        ({"gt": "2024-05-30"}, True),
        ({"lte": "2024-05"}, True),
        ({"lt": "2024-05"}, False),
        ({"lt": "2024-06"}, True),
        ({"gte": "2024", "lte": "2024"}, True),
        ({"gte": "2024", "lte": "2024", "any_of": ("2024-04",)}, False),
        ({"lte": "2024-05-31T20:30:05+02:00"}, True),
        ({"lt": "2024-05-31T20:30:05+02:00"}, False),
    ],
)
def test_a_date_stands_for_all_of_its_day_month_or_year(bounds: dict[str, object], holds: bool) -> None:
    taken = replace(picture(1), taken="2024-05-31T18:30:05")
    assert matches(taken, Condition("date", **bounds)) is holds  # type: ignore[arg-type]
    assert matches(taken, Condition("date", **bounds, excluded=True)) is not holds  # type: ignore[arg-type]


def test_the_file_time_stands_in_where_no_camera_said_a_date() -> None:
    assert matches(picture(1), Condition("date", ("2001-09-09T01:46:40Z",)))  # 10**18 ns, and a bit


def test_numbers_of_metadata_are_equal_as_numbers_and_as_text() -> None:
    sold = replace(picture(1), meta={"price": 5, "code": "007", "shops": ("north", "south"), "day": "2024-05-31"})
    for value in (5, 5.0, "5"):
        assert matches(sold, Condition("meta.price", (value,)))
    for value in (7, "7", "5.0", True):
        assert not matches(sold, Condition("meta.price", (value,)), Condition("meta.code", (value,)))
    assert matches(sold, Condition("meta.code", ("007",)), Condition("meta.shops", ("south",)))
    assert matches(sold, Condition("meta.price", gte="4.5", lt=6), Condition("meta.day", gte="2024-05"))
    assert not matches(sold, Condition("meta.code", gte=0))


MALFORMED = [
    (Condition("nothing", ("a",)), "known are folder, path"),
    (Condition("meta.", ("a",)), "meta.NAME"),
    (Condition("meta.a b", ("a",)), "meta.NAME"),
    (Condition("meta.a.b", ("a",)), "meta.NAME"),
    (Condition("folder"), "says nothing"),
    (Condition("folder", gte="a"), "no order"),
    (Condition("words", ("perhaps",)), "yes or no"),
    (Condition("colour", ("redd",)), "black, white"),
    (Condition("format", ("HEIC",)), "JPEG"),
    (Condition("orientation", ("tall",)), "portrait"),
    (Condition("folder", (5,)), "text"),
    (Condition("folder", ("\udcff",)), "Unicode"),
    (Condition("folder", (b"a",)), "text"),  # type: ignore[arg-type]
    (Condition("width", ("wide",)), "number"),
    (Condition("width", (True,)), "number"),
    (Condition("width", gte=float("nan")), "finite"),
    (Condition("width", lt="inf"), "number"),
    (Condition("width", lt=10**400), "too large"),
    (Condition("date", ("yesterday",)), "no date"),
    (Condition("date", ("2024-02-30",)), "no date"),
    (Condition("date", gte=5.5), "no date"),
    (Condition("meta.x", gte="abc"), "no date"),
    (Condition("meta.x", gte=5, lt="2024-05"), "number"),
]


def test_a_malformed_condition_is_a_value_error_that_says_what_is_taken(make_store: MakeStore) -> None:
    into_store(make_store)
    reader = make_store().reader()
    for condition, named in MALFORMED:
        for ask in (
            lambda one=condition: resolve([one]),
            lambda one=condition: reader.search([query(1, where=(one,))]),
            lambda one=condition: reader.facet("format", where=[one]),
        ):
            with pytest.raises(ValueError, match=named):
                ask()
    assert reader.facet("format") == [("JPEG", 3)]
    reader.close()


def into_store(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
        writer.commit()


def test_a_malformed_facet_is_a_value_error(make_store: MakeStore) -> None:
    into_store(make_store)
    reader = make_store().reader()
    for field in ("path", "width", "date", "nothing", "meta.", "meta.a b"):
        with pytest.raises(ValueError, match="are counted by"):
            reader.facet(field)
    with pytest.raises(ValueError, match="negative"):
        reader.facet("format", limit=-1)
    with pytest.raises(ValueError, match="point id"):
        reader.facet("format", among=[0])
    assert reader.facet("format", limit=0) == []
    assert reader.facet("format", among=[]) == []
    assert reader.facet("format", among=[*np.array([1, 3, 3, 9])]) == [("JPEG", 2)]
    assert reader.facet("meta.nobody_said") == []
    reader.close()


@pytest.mark.parametrize(
    "change",
    [
        {"taken": "yesterday"},
        {"colours": ("redd",)},
        {"meta": {"a b": 1}},
        {"meta": {"a": float("nan")}},
        {"meta": {"a": 2**53 + 1}},
        {"meta": {"a": "\udcff"}},
        {"meta": {"a": None}},
        {"meta": {"a": (1,)}},
    ],
)
def test_a_picture_that_no_engine_could_hold_is_refused(make_store: MakeStore, change: dict[str, object]) -> None:
    bad = replace(picture(1), **change)  # type: ignore[arg-type]
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
        with pytest.raises(ValueError):
            writer.upsert([Point(2, unit(2), bad)])
        with pytest.raises(ValueError):
            writer.update_pictures([Known(1, bad)])
        assert list(writer.scan()) == [Known(1, picture(1))]


# --- how it is stored

FULL = replace(
    picture(7, "a/b/7.jpg"),
    phash="0123456789abcdef" * 4,
    colours=("red", "white"),
    taken="2024-05-31T18:30:05+02:00",
    copy_of=3,
    meta={"price": 5, "share": 0.5, "on": True, "note": "ü; x", "tags": ("a", "b"), "day": "2024-05-31"},
)


def test_everything_about_a_picture_is_read_back(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(7, unit(7), FULL), *points([1])])
        writer.update_pictures([Known(1, replace(picture(1), meta={"price": 6}))])
        writer.commit()
    reader = make_store().reader()
    found = reader.fetch([1, 7])
    assert found[7].picture == FULL
    kinds = {name: type(value) for name, value in found[7].picture.meta.items()}
    assert kinds == {name: type(value) for name, value in FULL.meta.items()}
    assert reader.facet("meta.price") == [("5", 1), ("6", 1)]
    reader.close()


def test_what_words_a_picture_has_outlives_a_change_of_its_payload(make_store: MakeStore) -> None:
    with make_store().writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 5)))
        writer.open_words(WORDS_SPEC)
        writer.update_words([words_point(1, READ), words_point(2, NOTHING_READ)])
        writer.update_pictures([Known(n, replace(picture(n), copy_of=1)) for n in (1, 2, 3)])
        writer.commit()
    reader = make_store().reader()
    assert reader.facet("words") == [("no", 3), ("yes", 1)]
    assert reader.facet("words", where=[Condition("copy_of", (1,))]) == [("no", 2), ("yes", 1)]
    assert reader.facet("words", limit=1) == [("no", 3)]
    assert ids_of(reader.search([query(1, where=(Condition("words", ("yes",)),))])[0]) == [1]
    reader.close()


def test_fields_are_indexed_with_the_graph_and_after_a_rebuild_from_the_export(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path, "images", graph_from=5)

    def committed(ids: range) -> set[str]:
        with store.writer(SPEC, FOLDER) as writer:
            writer.upsert([replace(p, picture=replace(p.picture, meta={"n": p.id})) for p in points(ids)])
            writer.commit()
        return indexed(tmp_path)

    assert committed(range(1, 4)) == set()
    every = {*INDEXES, "meta_text.n", "meta_number.n"}
    assert committed(range(4, 10)) == every
    with store.writer(SPEC, FOLDER) as writer:
        writer.update_pictures([Known(1, replace(picture(1), meta={"day": "2024-05-31"}))])
        writer.commit()
    every |= {"meta_text.day", "meta_date.day"}
    assert indexed(tmp_path) == every
    shutil.rmtree(shard_of(tmp_path))
    reader = store.reader()
    assert reader.facet("meta.day") == [("2024-05-31", 1)]
    reader.close()
    assert indexed(tmp_path) == every


def shard_of(storage: Path) -> Path:
    return storage / "images" / (storage / "images" / "CURRENT").read_text().strip() / "shard"


def indexed(storage: Path) -> set[str]:
    """The fields that the shard of the newest generation has indexed."""
    shard = qdrant_edge.EdgeShard.load(str(shard_of(storage)))
    names = {*shard.info().payload_schema}
    shard.close()
    return names


def test_a_payload_of_an_older_version_reads_as_nobody_has_looked() -> None:
    old = {
        "path": "a/1.jpg",
        "content_hash": "0" * 32,
        "size_bytes": 1,
        "mtime_ns": 2,
        "width": 3,
        "height": 4,
        "format": "JPEG",
        "words": [["SALE", 1.0]],
        "words_by": "words",
        "words_source": "reader",
    }
    assert to_known(5, old) == Known(5, Picture("a/1.jpg", "0" * 32, 1, 2, 3, 4, "JPEG"), "words")
    assert with_has_words(old)["has_words"] == "yes"
    assert with_has_words(old | {"words": []})["has_words"] == "no"
    assert "has_words" not in with_has_words({"path": "a/1.jpg"})
