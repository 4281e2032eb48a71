"""Terms are alike where people and readers of words write alike."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.words.tokens import FUNCTION_WORDS, singular, telling_terms, tokenize


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Don\u2019t DON'T don`t", ["dont", "dont", "dont"]),
        ("L\u2019Or\u00e9al, Caf\u00e9!", ["loreal", "cafe"]),
        ("50% off: 7-Up, only \u20ac3.99", ["50", "off", "7", "up", "only", "3", "99"]),
        ("\uff21\uff55\uff44\uff49 \ufb01ne STRASSE Stra\u00dfe", ["audi", "fine", "strasse", "strasse"]),
        ("'quoted' rock 'n' roll", ["quoted", "rock", "n", "roll"]),
        ("snake_case_name", ["snake", "case", "name"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
        ("A3\u5bfc\u6f14\u591a\u5f69 \u5149", ["a3", "\u5bfc\u6f14", "\u6f14\u591a", "\u591a\u5f69", "\u5149"]),
        (" \n\t...", []),
    ],
)
def test_terms_of(text, terms):
    assert tokenize(text) == terms


@given(st.text())
def test_case_and_the_way_accents_are_stored_do_not_matter(text):
    terms = tokenize(text)
    assert tokenize(unicodedata.normalize("NFD", text)) == tokenize(unicodedata.normalize("NFC", text)) == terms
    assert tokenize(" ".join(terms)) == terms


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("I should buy this car because the car is FAST", ["buy", "car", "car", "fast"]),
        ("The Who", ["the", "who"]),
        ("...", []),
    ],
)
def test_a_query_is_asked_by_the_terms_that_tell(query, terms):
    assert telling_terms(query) == terms


def test_function_words_are_written_as_terms():
    assert all(tokenize(word) == [word] for word in FUNCTION_WORDS)


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("cars", "car"),
        ("boxes", "box"),
        ("watches", "watch"),
        ("glasses", "glass"),
        ("houses", "house"),
        ("parties", "party"),
    ],
)
def test_a_plural_and_its_singular_are_one(plural, one):
    assert singular(plural) == one == singular(one)


@pytest.mark.parametrize("term", ["bus", "dress", "gas", "7s", "", "s", "children", "\u5bfc\u6f14"])
def test_what_only_looks_like_a_plural_stays(term):
    assert singular(term) == term
