"""The words printed in pictures, as `index` reads them: after the pictures, for real, and never twice."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from search_app.datatypes import VectorQuery
from search_app.index.edge.store import EdgeStore
from search_app.words.bm25 import sparse_query
from tests.conftest import clean_environment, search_app

ENV = {"SEARCH_MODEL": "stub", "SEARCH_WORDS": "on"}
TEXTS = ("SUMMER SALE", "FRESH COFFEE", "OPEN ALL NIGHT")
ALL = 24
"""Pictures of a run that is killed: many enough that it is not done when it is."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, text in enumerate([*TEXTS, ""]):
        draw_poster(folder / f"{number}.png", text)
    return folder


def draw_poster(path: Path, text: str) -> None:
    picture = Image.new("RGB", (500, 120), "white")
    ImageDraw.Draw(picture).text((30, 30), text, "black", ImageFont.load_default(40))
    picture.save(path)


def found_by_form(home: Path, text: str) -> list[str]:
    reader = EdgeStore(home / "qdrant_storage", "images").reader()
    [found] = reader.search([VectorQuery(sparse_query(text), 10, channel="form")])
    known = reader.fetch(found.ids.tolist())
    reader.close()
    return [known[number].picture.path for number in found.ids.tolist()]


def test_words_follow_the_pictures_and_are_read_once(pictures: Path, tmp_path: Path) -> None:
    (pictures / "2.txt").write_text("closed on Sundays", "utf-8")
    report = tmp_path / "report.json"
    first = search_app("index", pictures, "--json", report, cwd=tmp_path, env=ENV)
    assert first.status == 0, first.err
    lines = first.out.splitlines()
    assert lines[1] == "collection 'images' holds 4 pictures, searchable with stub"
    assert lines[2] == "reading the words printed in 4 of them, which are searchable already"
    assert lines[3].startswith("words: 4 read in ")
    assert lines[3].endswith(" 0 unchanged; 3 of 4 pictures carry words")
    told = json.loads(report.read_text("utf-8"))
    assert (told["indexed"], told["words"]["read"], told["words"]["unchanged"]) == (4, 4, 0)
    assert (told["words"]["failed"], told["words"]["with_words"]) == ([], 3)
    assert [found_by_form(tmp_path, text) for text in ("coffee", "sundays", "night")] == [["1.png"], ["2.png"], []]

    again = search_app("index", pictures, cwd=tmp_path, env=ENV)
    assert again.out.splitlines()[2:] == ["words: 4 unchanged; 3 of 4 pictures carry words"]


@pytest.mark.parametrize(("arguments", "words"), [(["--no-words"], "on"), ([], "off")])
def test_they_can_be_left_out_and_read_later(pictures: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    report = tmp_path / "report.json"
    without = search_app(
        "index", pictures, *arguments, "--json", report, cwd=tmp_path, env={**ENV, "SEARCH_WORDS": words}
    )
    assert without.status == 0, without.err
    assert "words" not in without.out
    assert json.loads(report.read_text("utf-8"))["words"] is None
    assert not (tmp_path / "qdrant_storage" / "words.sqlite").exists()
    later = search_app("index", pictures, cwd=tmp_path, env=ENV)
    assert "0 embedded, 4 unchanged" in later.out
    assert "3 of 4 pictures carry words" in later.out


def test_a_sidecar_that_cannot_be_read_is_named_and_strict_complains(pictures: Path, tmp_path: Path) -> None:
    (pictures / "0.png.txt").write_bytes(b"\xff\xfe\x00")
    done = search_app("index", pictures, "--strict", cwd=tmp_path, env=ENV)
    assert done.status == 1
    assert "2 of 4 pictures carry words" in done.out
    assert "  words not read 0.png: 0.png.txt: not UTF-8 at byte 0; save it as UTF-8, or delete it" in done.out


def test_a_kill_loses_no_word_that_was_read(pictures: Path, tmp_path: Path) -> None:
    for number in range(4, ALL):
        draw_poster(pictures / f"{number}.png", f"NUMBER {number}")
    command = [sys.executable, "-m", "search_app", "index", str(pictures)]
    indexing = subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(**ENV), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    cache = tmp_path / "qdrant_storage" / "words.sqlite"
    deadline = time.monotonic() + 120
    while cached(cache) < 5:
        assert indexing.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    indexing.send_signal(signal.SIGKILL)
    indexing.wait()
    kept = cached(cache)
    assert kept < ALL
    searched = search_app("search", "red", "-k", "50", "--unfolded", "--json", cwd=tmp_path, env=ENV)
    assert len(json.loads(searched.out)) == ALL, "the pictures were searchable before their words"

    done = search_app("index", pictures, cwd=tmp_path, env=ENV)
    assert done.status == 0, done.err
    assert f"0 embedded, {ALL} unchanged" in done.out
    assert f"{ALL - 1} of {ALL} pictures carry words" in done.out
    assert cached(cache) == ALL
    assert found_by_form(tmp_path, "number 17")[0] == "17.png"


def cached(path: Path) -> int:
    """Pictures whose words are in the cache."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=30)
    try:
        return int(connection.execute("SELECT count(*) FROM words").fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return 0
    finally:
        connection.close()


def test_a_wrong_setting_stops_the_start_with_its_name(pictures: Path, tmp_path: Path) -> None:
    done = search_app("index", pictures, cwd=tmp_path, env={**ENV, "SEARCH_WORDS": "perhaps"})
    assert done.status == 2
    assert "SEARCH_WORDS='perhaps'" in done.err
