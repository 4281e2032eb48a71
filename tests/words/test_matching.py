"""What is shown as a match is what matched: the terms of BM25, at their place in the line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.datatypes import PrintedWords, Word
from search_app.encoders.minilm import MiniLmSentences
from search_app.words.bm25 import Bm25
from search_app.words.matching import LONGEST_CHUNK, MEANING_BOUND, find_terms, match_words
from search_app.words.tokens import telling_terms, tokenize

BOX = (0.2, 0.1, 0.6, 0.2)
PIECES = st.sampled_from(
    ["Audi", "50", "%", "-", "don't", "DON\u2019T", "caf\u00e9", "\u5bfc\u6f14\u591a", "\u201c", " ", "  ", "&"]
)
LINES = st.lists(PIECES, max_size=8).map("".join)


def printed(*lines: str, box=BOX) -> PrintedWords:
    return PrintedWords(tuple(Word(line, box, 0.9) for line in lines), "test")


def shown(query: str, line: str) -> list[str]:
    """The parts of a line that answer a query by their form."""
    return [line[first:last] for match in match_words(query, printed(line)) for first, last in match.spans]


@pytest.mark.parametrize(
    ("query", "line", "parts"),
    [
        ("audi", "The new AUDI, now.", ["AUDI"]),
        ("50 off", "50%-OFF today", ["50%-OFF"]),
        ("50 today", "50%-OFF today", ["50", "today"]),
        ("cafe", "\u201cCaf\u00e9\u201d!", ["Caf\u00e9"]),
        ("Don't", "please DON\u2019T", ["DON\u2019T"]),
        ("hot air balloon", "A hot-air  balloon ride", ["hot-air  balloon"]),
        ("strasse", "Kurze Stra\u00dfe", ["Stra\u00dfe"]),
        ("\u6f14\u591a", "A3\u5bfc\u6f14\u591a\u5f69", ["\u6f14\u591a"]),
        ("car", "cars", []),
        ("car", "scarf", []),
        ("...", "... and so on", []),
        ("the who", "The Who live", ["The Who"]),
    ],
)
def test_the_very_words_are_found_at_their_place(query, line, parts):
    assert shown(query, line) == parts


def test_function_words_are_no_reason_to_show_a_line():
    found = match_words("I should buy it because it is fast", printed("It is because", "So FAST it is"))
    assert [(each.text, each.spans) for each in found] == [("So FAST it is", ((3, 7),))]


def test_strength_is_the_share_of_the_query_that_the_line_has():
    found = match_words("red red sports car", printed("a RED car, red", "sports", "nothing"))
    assert [(each.text, each.strength) for each in found] == [
        ("a RED car, red", pytest.approx(2 / 3)),
        ("sports", pytest.approx(1 / 3)),
    ]


def test_the_box_is_cut_where_the_characters_are():
    [match] = match_words("car road", printed("car on a road"))
    assert match.box == BOX
    assert match.span_boxes == (
        pytest.approx((0.2, 0.1, 0.2 + 0.4 * 3.4 / 13, 0.2)),
        pytest.approx((0.2 + 0.4 * 8.6 / 13, 0.1, 0.6, 0.2)),
    )


def test_signs_of_east_asia_take_twice_the_width():
    [match] = match_words("car", printed("\u5bfc\u6f14 car"))
    assert match.span_boxes == (pytest.approx((0.2 + 0.4 * 4.6 / 8, 0.1, 0.6, 0.2)),)


def test_without_a_box_there_is_a_text_and_no_place():
    [match] = match_words("car", printed("red car", box=None))
    assert (match.spans, match.box, match.span_boxes) == (((4, 7),), None, ())


def test_a_chunk_without_spaces_is_shown_whole_beyond_a_length():
    short, long = "x/" * (LONGEST_CHUNK // 2 - 2) + "car", "x/" * LONGEST_CHUNK + "car"
    assert shown("car", short) == ["car"]
    assert shown("car", long) == [long]


@given(st.text())
def test_every_term_of_a_line_is_found_in_its_order(line):
    terms = tokenize(line)
    found = find_terms(line, frozenset(terms))
    assert [term for term, _ in found] == terms
    assert all(0 <= first < last <= len(line) for _, (first, last) in found)


@given(LINES)
def test_what_is_shown_is_the_term_itself(line):
    for term, (first, last) in find_terms(line, frozenset(tokenize(line))):
        assert tokenize(line[first:last]) == [term]


@given(st.lists(LINES, max_size=4), LINES)
def test_lines_are_shown_where_bm25_finds_something(lines, query):
    found = match_words(query, printed(*lines))
    scores = Bm25(lines).scores(" ".join(telling_terms(query))) if lines else np.zeros(0)
    assert [each.text for each in found] == [line for line, score in zip(lines, scores, strict=True) if score > 0]


@pytest.fixture(scope="module")
def sentences():
    opened = MiniLmSentences()
    yield opened
    opened.close()


def test_a_line_that_says_the_same_in_other_words_is_shown_whole(sentences):
    words = printed("Luscious ripe strawberries", "open on Sundays", "Terms and conditions apply")
    [match] = match_words("red berries to eat", words, sentences.encode_sentences)
    assert (match.text, match.by, match.spans) == ("Luscious ripe strawberries", "meaning", ((0, 26),))
    assert match.span_boxes == (BOX,)
    assert MEANING_BOUND <= match.strength <= 1


def test_a_line_with_the_very_word_counts_by_its_form(sentences):
    words = printed("automobiles", "cars")
    found = match_words("cars", words, sentences.encode_sentences)
    assert [(each.text, each.by) for each in found] == [("automobiles", "meaning"), ("cars", "form")]


def test_nothing_is_claimed_where_nothing_fits(sentences):
    assert match_words("a snowman", printed("Call 555 0100", "www"), sentences.encode_sentences) == ()


@pytest.mark.parametrize(("query", "lines"), [("", ("car",)), ("car", ())])
def test_without_query_or_words_nothing_matches(sentences, query, lines):
    assert match_words(query, printed(*lines), sentences.encode_sentences) == ()
