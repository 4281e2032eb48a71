"""What is taken as "leave this out", and what is left as it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.search.negation import Understood, understand
from search_app.search.query import normalised


@pytest.mark.parametrize(
    ("text", "kept", "without"),
    [
        ("car -red", "car", ("red",)),
        ('city -"traffic jam" at night', "city at night", ("traffic jam",)),
        ("a street without people", "a street", ("people",)),
        ("a street without any cars", "a street", ("cars",)),
        ("Cat without glasses on a sofa", "Cat on a sofa", ("glasses",)),
        ("beach with no people or dogs", "beach", ("people", "dogs")),
        ("shoes but not red ones", "shoes", ("red ones",)),
        ("fruit, except bananas", "fruit", ("bananas",)),
        ("a man without a hat and without glasses", "a man", ("hat", "glasses")),
        ("ein Hund -katze", "ein Hund", ("katze",)),
    ],
)
def test_what_is_to_be_left_out_is_taken_out(text: str, kept: str, without: tuple[str, ...]) -> None:
    assert understand(text) == Understood(kept, without)


@pytest.mark.parametrize(
    "text",
    [
        "car",
        "t-shirt",
        "-5 degrees",
        "no excuses",
        "not your average car",
        "no sugar, no fat",
        "show me no mercy",
        "without people",
        "-red",
        "nothing without",
        "knot",
        "a withoutness",
        "rock - paper",
    ],
)
def test_what_is_no_request_stays(text: str) -> None:
    assert understand(text) == Understood(text)


@given(st.text().map(normalised))
def test_any_text_is_understood_and_never_emptied(text: str) -> None:
    read = understand(text)
    assert bool(read.text) == bool(text)
    assert all(read.without)
    assert normalised(read.text) == read.text
