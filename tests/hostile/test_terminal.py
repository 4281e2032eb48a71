"""Names and printed words cannot steer a terminal, and ordinary writing is left as it is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.cli.plain import plain
from tests.conftest import search_app


@pytest.mark.parametrize(
    "text",
    ["coffee", "café: 50 % off", "日本語", "नमस्ते", "👩\u200d👩\u200d👧", "אב\u200cג", "co\u00adop"],
)
def test_writing_of_people_is_left_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("a\u2028b", r"a\u2028b"),
        ("\x9b31m", r"\x9b31m"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(st.characters(), max_size=40))
def test_whatever_it_is_can_be_printed_in_one_line(text: str) -> None:
    shown = plain(text)
    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8").decode("utf-8") == shown


def test_an_error_names_what_was_wrong_without_its_escapes(tmp_path: Path) -> None:
    done = search_app("index", "gone\x1b[2J", cwd=tmp_path, env={"SEARCH_MODEL": "lite"})
    assert done.status == 2
    assert "\x1b" not in done.err
    assert r"gone\x1b[2J" in done.err
