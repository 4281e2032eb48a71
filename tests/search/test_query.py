"""What may be asked."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.errors import BadRequest
from search_app.search.query import MAX_OFFSET, MAX_TEXT_LENGTH, SearchQuery, normalised


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (SearchQuery(""), "query"),
        (SearchQuery(" \t\n\0 "), "query"),
        (SearchQuery("\ud800"), "query"),
        (SearchQuery("x" * (MAX_TEXT_LENGTH + 1)), "query"),
        (SearchQuery("car", limit=0), "limit"),
        (SearchQuery("car", limit=101), "limit"),
        (SearchQuery("car", offset=-1), "offset"),
        (SearchQuery("car", offset=MAX_OFFSET + 1), "offset"),
        (SearchQuery("car", min_score=math.nan), "min_score"),
        (SearchQuery("car", min_score=-math.inf), "min_score"),
        (SearchQuery("car", min_score=1.01), "min_score"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(query: SearchQuery, parameter: str) -> None:
    with pytest.raises(BadRequest) as refused:
        query.validated(max_limit=100)
    assert refused.value.parameter == parameter


@pytest.mark.parametrize(
    "query",
    [
        SearchQuery("car"),
        SearchQuery("x" * MAX_TEXT_LENGTH, limit=1, offset=MAX_OFFSET, min_score=-1.0),
        SearchQuery("Straße 車 🚗", limit=100, min_score=1.0),
    ],
)
def test_values_at_the_edges_are_accepted_unchanged(query: SearchQuery) -> None:
    assert query.validated(max_limit=100) == query


def test_control_characters_and_runs_of_white_space_become_one_space() -> None:
    assert SearchQuery(" a\0red \r\n\tcar\u0085 \ud83d").validated(max_limit=5).text == "a red car"


@given(st.text())
def test_normalised_text_is_stable_and_can_be_encoded(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    once.encode("utf-8")
