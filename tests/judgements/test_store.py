"""The store keeps everything that was said, once, whatever happens to the process; the last word counts."""

import os
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_app.errors import BadRequest, JudgementError
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter, PictureName
from tests.conftest import ROOT
from tests.judgements.made import judgement, uuid_of

EVERYTHING = Filter(history=True)


@pytest.fixture
def store(tmp_path):
    store = JudgementStore(tmp_path / "storage", str)
    yield store
    store.close()


def test_reading_makes_no_file_and_writing_makes_the_folder(store):
    assert store.find(EVERYTHING) == []
    assert store.count(EVERYTHING) == 0
    assert not store.database.path.parent.exists()
    store.add([judgement("one")])
    assert store.database.path.exists()


def test_the_last_word_counts_and_all_words_are_kept(store):
    store.add([judgement("first", grade=0), judgement("other", picture="b")])
    store.add([judgement("second", grade=2)])
    assert [each.judgement.uuid for each in store.find(Filter())] == [uuid_of("other"), uuid_of("second")]
    store.add([judgement("undo", verdict="withdrawn")])
    assert [each.judgement.uuid for each in store.find(Filter())] == [uuid_of("other")]
    history = store.find(EVERYTHING)
    assert [(each.judgement.grade, each.current) for each in history] == [
        (0, False),
        (2, True),
        (2, False),
        (None, True),
    ]


def test_people_sources_and_queries_do_not_take_each_others_place(store):
    several = [
        judgement("ann"),
        judgement("bob", assessor="bob", grade=0),
        judgement("thumb", source="thumb", grade=0),
        judgement("query", query="Car", grade=1),
        judgement("category", kind="category", query="", grade=None, categories=("cars", "beauty")),
    ]
    store.add(several)
    assert [each.judgement for each in store.find(Filter())] == several


def test_the_same_again_changes_nothing_even_after_a_rename(store):
    said = judgement("one")
    [first] = store.add([said])
    renamed = replace(said, picture=PictureName(said.picture.content_hash, "elsewhere.jpg"))
    assert store.add([said]) == store.add([renamed]) == [first]
    assert store.count(EVERYTHING) == 1


def test_one_uuid_for_two_judgements_is_refused_and_nothing_of_the_batch_is_stored(store):
    store.add([judgement("one", grade=0)])
    with pytest.raises(BadRequest, match="used for another") as refusal:
        store.add([judgement("new"), judgement("one", grade=2)])
    assert refusal.value.parameter == "uuid"
    assert store.count(EVERYTHING) == 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"grade": 3}, "grade"),
        ({"grade": None}, "grade"),
        ({"query": ""}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"assessor": ""}, "assessor"),
        ({"assessor": "x" * 65}, "assessor"),
        ({"source": "rumour"}, "source"),
        ({"verdict": "maybe"}, "verdict"),
        ({"categories": ("cars",)}, "categories"),
        ({"kind": "category"}, "query"),
        ({"kind": "category", "query": "", "grade": None, "categories": ("",)}, "categories"),
    ],
)
def test_what_is_no_judgement_cannot_be_made(wrong, named):
    with pytest.raises(BadRequest) as refusal:
        judgement("wrong", **wrong)
    assert refusal.value.parameter == named


def test_pages_add_up_to_everything(store):
    store.add([judgement(str(number), query=f"query {number}") for number in range(2500)])
    pages = [store.find(Filter(), limit=1000, after=after) for after in (0, 1000, 2000)]
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert [each.seq for each in store.each(Filter())] == list(range(1, 2501))
    assert store.count(Filter(query="query 7")) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["ann", "bob"]), st.integers(-1, 2)), max_size=12))
def test_what_counts_is_what_was_said_last(tmp_path_factory, said):
    store = JudgementStore(tmp_path_factory.mktemp("history"), str)
    last: dict[tuple[str, str], int] = {}
    for number, (letter, assessor, grade) in enumerate(said):
        changes = {"verdict": "withdrawn"} if grade < 0 else {"grade": grade}
        store.add([judgement(str(number), picture=letter, assessor=assessor, **changes)])
        last[letter, assessor] = grade
    current = {(e.judgement.picture.path[0], e.judgement.assessor): e.judgement.grade for e in store.find(Filter())}
    assert current == {subject: grade for subject, grade in last.items() if grade >= 0}
    assert store.count(EVERYTHING) == len(said)
    store.close()


def test_a_file_that_vanished_is_not_written_to_in_secret(store):
    store.add([judgement("one")])
    for path in store.database.path.parent.iterdir():
        path.unlink()
    assert store.find(Filter()) == []
    store.add([judgement("two")])
    other = JudgementStore(store.database.path.parent, str)
    assert [each.judgement.uuid for each in other.find(Filter())] == [uuid_of("two")]
    other.close()


def test_a_newer_store_is_refused_and_left_alone(store):
    store.add([judgement("one")])
    store.close()
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    before = store.database.path.read_bytes()
    with pytest.raises(JudgementError, match=r"version 9.*newer program"):
        store.add([judgement("two")])
    assert store.database.path.read_bytes() == before


@pytest.mark.parametrize("content", ["CREATE TABLE theirs (x)", None])
def test_another_programs_file_is_refused(store, content):
    store.database.path.parent.mkdir()
    if content is None:
        store.database.path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    else:
        connection = sqlite3.connect(store.database.path)
        connection.execute(content)
        connection.commit()
        connection.close()
    before = store.database.path.read_bytes()
    with pytest.raises(JudgementError, match=r"judgements\.sqlite"):
        store.add([judgement("one")])
    assert store.database.path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = JudgementStore(tmp_path / "file", str)
    with pytest.raises(JudgementError, match="SEARCH_INDEX_DIR must be a folder"):
        store.add([judgement("one")])


def start_victim(folder: Path, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.judgements.victim", str(folder), name],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_what_was_said_to_be_stored_survives_kill_9_of_several_writers(store):
    folder = store.database.path.parent
    said: list[str] = []
    for turn in range(3):
        victims = [start_victim(folder, f"{turn}{letter}") for letter in "xy"]
        for victim in victims:
            assert victim.stdout is not None
            said.append(victim.stdout.readline().strip())
        time.sleep(0.1 + 0.1 * turn)
        for victim in victims:
            victim.kill()
        for victim in victims:
            said += (victim.stdout.read().rsplit("\n", 1)[0]).split()
            victim.wait()
            victim.stdout.close()
    assert len(said) > 12
    kept = {each.judgement.uuid for each in store.each(EVERYTHING)}
    assert {uuid_of(name) for name in said} <= kept
    # At most the one in flight of each victim beside what was said.
    assert len(kept) <= len(said) + 6


def test_a_commit_waits_for_the_disk(store):
    """What kill -9 cannot show: a power cut takes back what SQLite was told not to wait for."""
    store.add([judgement("one")])
    with store.database.reading() as connection:
        told = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert told == {"journal_mode": "wal", "synchronous": 2}


def test_many_open_a_new_store_at_the_same_moment(tmp_path):
    for number in range(25):
        stores = [JudgementStore(tmp_path / str(number), str) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: each[1].add([judgement(f"{each[0]}")]), enumerate(stores)))
        assert stores[0].count(EVERYTHING) == 4
        for each in stores:
            each.close()


def test_threads_and_stores_write_at_once_and_nothing_is_lost_or_doubled(store):
    other = JudgementStore(store.database.path.parent, str)

    def work(worker: int) -> None:
        for number in range(20):
            both = judgement(f"{worker % 4} {number}", query=f"q{worker % 4} {number}")
            (store if worker % 2 else other).add([both])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert store.count(EVERYTHING) == other.count(EVERYTHING) == 80
    other.close()
