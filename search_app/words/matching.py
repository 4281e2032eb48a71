"""Which of the words printed in a picture answer a query, and where they stand.

By form: the terms of the query, cut by the same `tokenize` that fills and asks the channel `form`, so what is shown is
what matched there. By meaning: lines near the query in a sentence model; docs/explain.md says how the bound was chosen.
"""

import unicodedata
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from search_app.datatypes import FloatMatrix, PrintedWords, Word
from search_app.words.reading_order import Box
from search_app.words.tokens import telling_terms, tokenize

Span: TypeAlias = tuple[int, int]
"""First character and the one behind the last."""
SentenceVectors: TypeAlias = Callable[[Sequence[str]], FloatMatrix]
"""Texts to float32 (n, dim) of unit rows, such as `SentenceEncoder.encode_sentences`."""

MEANING_BOUND = 0.4
"""Cosine from which a line is taken to say the same; `python -m benchmarks.matched_words` has the figures."""
_ROOM = 0.4
LONGEST_CHUNK = 128
"""Characters without a space; a longer piece is shown whole, since finding terms in it takes the square of them."""


@dataclass(frozen=True, slots=True)
class MatchedWord:
    """One line of print that answers the query."""

    text: str
    """The whole line, as it was read."""
    box: Box | None
    """Of the whole line, as shares of the picture's width and height; None where its place is not known."""
    by: Literal["form", "meaning"]
    spans: tuple[Span, ...]
    """The parts of `text` that match, from left to right; the whole line where it matches by its meaning."""
    span_boxes: tuple[Box, ...]
    """One for each span, cut from `box` by the width of its characters; empty where `box` is None."""
    strength: float
    """0 to 1. By form the share of the query's terms that this line has, by meaning the cosine."""


def match_words(query: str, words: PrintedWords, encode: SentenceVectors | None = None) -> tuple[MatchedWord, ...]:
    """The lines that answer a query, in reading order; a line that matches both ways counts by its form.

    Without `encode` only the form is compared. Function words are looked for only where the query has nothing else.
    """
    asked = frozenset(telling_terms(query))
    found = [_by_form(word, asked) for word in words.words]
    if encode is not None and words.words and query.strip():
        vectors = encode([query, *(word.text for word in words.words)])
        for place, cosine in enumerate(vectors[1:] @ vectors[0]):
            if found[place] is None and cosine >= MEANING_BOUND:
                found[place] = _by_meaning(words.words[place], float(np.clip(cosine, 0.0, 1.0)))
    return tuple(each for each in found if each is not None)


def find_terms(text: str, terms: AbstractSet[str]) -> list[tuple[str, Span]]:
    """Where a text has any of these terms of `tokenize`: each with its characters, from left to right."""
    found = []
    for start, chunk in _chunks(text):
        own = tokenize(chunk)
        for number, term in enumerate(own):
            if term in terms:
                first, last = _place(chunk, own, number)
                found.append((term, (start + first, start + last)))
    return found


def _by_form(word: Word, asked: frozenset[str]) -> MatchedWord | None:
    if asked.isdisjoint(tokenize(word.text)):  # most lines: where a term stands is looked for in the others only
        return None
    found = find_terms(word.text, asked)
    spans = _joined(word.text, [span for _, span in found])
    boxes = () if word.box is None else tuple(_slice(word.text, word.box, span) for span in spans)
    strength = len({term for term, _ in found}) / len(asked)
    return MatchedWord(word.text, word.box, "form", spans, boxes, strength)


def _by_meaning(word: Word, cosine: float) -> MatchedWord:
    boxes = () if word.box is None else (word.box,)
    return MatchedWord(word.text, word.box, "meaning", ((0, len(word.text)),), boxes, cosine)


def _chunks(text: str) -> list[tuple[int, str]]:
    """The parts between spaces and where they begin: no term reaches across a space."""
    found, at = [], 0
    for chunk in text.split():
        at = text.index(chunk, at)
        found.append((at, chunk))
        at += len(chunk)
    return found


def _place(chunk: str, terms: Sequence[str], number: int) -> Span:
    """The characters of `terms[number]`, where `terms` are those of `chunk`.

    A term ends where a longer beginning of the chunk would have one more or another one, and starts likewise seen
    from the end: so nothing has to be known of how `tokenize` cuts. Where no beginning has just these terms, as with
    one sign that stands for several, the whole is taken.
    """
    if len(chunk) > LONGEST_CHUNK:
        return 0, len(chunk)
    before, behind = list(terms[: number + 1]), list(terms[number:])
    length = len(chunk)
    last = next((at for at in range(length, 0, -1) if tokenize(chunk[:at]) == before), length)
    first = next((at for at in range(last) if tokenize(chunk[at:]) == behind), 0)
    while last - first > 1 and not _is_letter(chunk[last - 1]):
        last -= 1
    while last - first > 1 and not _is_letter(chunk[first]):
        first += 1
    return first, last


def _is_letter(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LMN"


def _joined(text: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans with nothing but signs and spaces between them made one: `hot air balloon` is one place, not three."""
    joined: list[Span] = []
    for first, last in spans:
        if joined and not any(map(_is_letter, text[joined[-1][1] : first])):
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def _slice(text: str, box: Box, span: Span) -> Box:
    """The part of a line's box that these characters take, from left to right; signs of East Asia count double.

    Letters are not all as wide, so the part reaches `_ROOM` of a letter further on both sides, within the line.
    """
    ends = np.cumsum([0, *(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)]) / 1.0
    left, top, right, bottom = box
    first, last = (float(np.clip(ends[at] + room, 0, ends[-1])) for at, room in zip(span, (-_ROOM, _ROOM), strict=True))
    width = (right - left) / float(ends[-1])
    return left + first * width, top, left + last * width, bottom
