"""The cache of what was read: kept over runs, shared, and replaceable."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from search_app.datatypes import PrintedWords, Word
from search_app.errors import WordsError
from search_app.words.store import FILE_NAME, MAX_RECORD_BYTES, RecordTooLarge, WordStore
from tests.conftest import ROOT

WORDS = PrintedWords((Word("Caf\u00e9", (0.125, 0.25, 0.5, 1.0), 0.75), Word("50 %", None, 1.0)), "a reader")


@pytest.fixture
def store(tmp_path):
    store = WordStore(tmp_path / "index")
    yield store
    store.close()


def test_words_are_found_again_by_content_and_reader(store):
    assert store.get("aa", "r1") is None
    store.put("aa", "r1", WORDS)
    store.put("bb", "r1", PrintedWords((), "a reader"))
    store.close()
    assert store.get("aa", "r1") == WORDS
    assert store.get("bb", "r1") == PrintedWords((), "a reader")
    assert store.get("aa", "r2") is None


def test_threads_and_two_stores_write_side_by_side(tmp_path, store):
    other = WordStore(tmp_path / "index")

    def write(number):
        (store, other)[number % 2].put(f"{number:02}", "r", WORDS)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(80)))
    assert all(other.get(f"{number:02}", "r") == WORDS for number in range(80))
    other.close()


def test_many_that_open_a_new_file_at_the_same_time_wait_for_each_other(tmp_path):
    for turn in range(20):
        stores = [WordStore(tmp_path / str(turn)) for _ in range(8)]
        begin = threading.Barrier(8)

        def put(number, stores=stores, begin=begin):
            begin.wait()
            stores[number].put(str(number), "r", WORDS)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(8)))
        assert all(stores[0].get(str(number), "r") == WORDS for number in range(8))
        for one in stores:
            one.close()


def test_a_kill_loses_nothing_that_was_put(tmp_path, store):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from search_app.datatypes import PrintedWords; from search_app.words.store import WordStore\n"
        "store = WordStore(Path(sys.argv[1]))\n"
        "for number in range(20): store.put(str(number), 'r', PrintedWords((), 's'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "index"], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert all(store.get(str(number), "r") is not None for number in range(20))


def test_a_damaged_file_is_an_error_with_the_remedy(store):
    store.put("aa", "r", WORDS)
    store.close()
    store.path.write_bytes(b"no database at all" * 400)
    with pytest.raises(WordsError, match=rf"{FILE_NAME}: is damaged .*delete it .*it is a cache"):
        store.get("aa", "r")


def test_a_damaged_record_is_an_error_with_the_remedy(store):
    store.put("aa", "r", WORDS)
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE words SET record = '{\"words\": [[1]]}'")
    connection.close()
    with pytest.raises(WordsError, match="a record is not in its form"):
        store.get("aa", "r")


def test_a_file_of_another_version_is_left_alone(store):
    store.put("aa", "r", WORDS)
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(WordsError, match="form 9, this one knows 1"):
        store.get("aa", "r")


def test_a_record_has_a_limit(store):
    with pytest.raises(RecordTooLarge, match="1024 KiB"):
        store.put("aa", "r", PrintedWords((Word("x" * MAX_RECORD_BYTES, None, 1.0),), "s"))
    assert store.get("aa", "r") is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WordsError, match="may this user write to it"):
        WordStore(tmp_path).get("aa", "r")


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "index").write_text("in the way")
    with pytest.raises(WordsError, match=r"words\.sqlite: cannot be used"):
        WordStore(tmp_path / "index").get("aa", "r")
