"""Misspelt queries, and two ways to bear them: a correction, and character 3-grams beside words."""

import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

import search_app.encoders
from search_app.search.fusion import Scores
from search_app.words.bm25 import Bm25
from search_app.words.tokens import tokenize

KINDS = ("swap", "drop", "double")
"""Two neighbouring letters change places; one is left out; one is typed twice."""
_SHORTEST = 4
_PLAIN = re.compile(r"[A-Za-z]{4,}")
_SMALL_WORDS = frozenset(
    {"about", "against", "does", "from", "have", "into", "that", "them", "they", "this", "where", "with", "your"}
)
_TOKENIZER = Path(search_app.encoders.__path__[0]) / "lite_model" / "tokenizer.json"


def misspelt(qid: str, text: str, kind: str) -> str | None:
    """The text with one mistake in one of its content words, the same for the same query; None without such a word."""
    random = np.random.default_rng(zlib.crc32(f"{qid} {kind}".encode()))
    words = text.split()
    places = [at for at, word in enumerate(words) if _PLAIN.fullmatch(word) and word.lower() not in _SMALL_WORDS]
    if not places:
        return None
    at = int(random.choice(places))
    words[at] = _mistaken(words[at], kind, random)
    return " ".join(words)


def _mistaken(word: str, kind: str, random: np.random.Generator) -> str:
    """A mistake behind the first letter, which people seldom get wrong."""
    places = list(range(1, len(word)))
    if kind == "swap":
        places = [at for at in places[:-1] if word[at] != word[at + 1]] or places[:-1]
    at = int(random.choice(places))
    match kind:
        case "swap":
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case "drop":
            return word[:at] + word[at + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


class Corrector:
    """Exchanges words that nobody knows for the nearest known one, one mistake away.

    Candidates are found by leaving out letters on both sides (SymSpell, Garbe 2012): a word is looked up by as many
    keys as it has letters.
    """

    def __init__(self, printed: Mapping[str, int], known: Sequence[str] = ()) -> None:
        """`printed` counts the pictures of each printed word; `known` are right words, the most usual first."""
        self._printed = printed
        self._usual = {word: place for place, word in enumerate(known)}
        self._keys: dict[str, set[str]] = defaultdict(set)
        for word in chain(printed, known):
            if len(word) >= _SHORTEST:
                for key in _without_one(word):
                    self._keys[key].add(word)

    def correct(self, text: str) -> str:
        """The text with each unknown word exchanged, where there is something to exchange it for."""
        return " ".join(self._corrected(word) for word in text.split())

    def _corrected(self, word: str) -> str:
        term = word.lower()
        if not _PLAIN.fullmatch(word) or term in self._printed or term in self._usual:
            return word
        near = {found for key in _without_one(term) for found in self._keys.get(key, ()) if is_one_away(term, found)}
        return min(near, key=self._rank, default=word)

    def _rank(self, word: str) -> tuple[int, int, str]:
        return (-self._printed.get(word, 0), self._usual.get(word, len(self._usual)), word)


def _without_one(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def is_one_away(first: str, second: str) -> bool:
    """Whether one letter more, less or other, or two neighbours exchanged, make the one the other."""
    if len(first) > len(second):
        first, second = second, first
    start = 0
    while start < len(first) and first[start] == second[start]:
        start += 1
    if len(second) - len(first) == 1:
        return first[start:] == second[start + 1 :]
    if len(first) != len(second):
        return False
    exchanged = first[start : start + 2] == second[start : start + 2][::-1]
    return first[start + 1 :] == second[start + 1 :] or (exchanged and first[start + 2 :] == second[start + 2 :])


def printed_words(documents: Iterable[str]) -> Counter[str]:
    """In how many pictures each word is printed."""
    return Counter(term for text in documents for term in set(tokenize(text)))


def usual_words() -> list[str]:
    """The whole words that MiniLM's tokenizer knows: the more usual ones of English, the most usual first."""
    vocabulary: dict[str, int] = json.loads(_TOKENIZER.read_text("utf-8"))["model"]["vocab"]
    words = [word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word.isascii() and word.isalpha()]
    return [word for word in words if len(word) >= _SHORTEST]


def grams_scores(documents: Sequence[str], texts: Sequence[str]) -> Scores:
    """BM25 over the character 3-grams of the words, ends included; shape (texts, documents)."""
    bm25 = Bm25([" ".join(letter_grams(text)) for text in documents])
    return np.stack([bm25.scores(" ".join(letter_grams(text))) for text in texts])


def letter_grams(text: str) -> list[str]:
    """The 3-grams of each word, its ends included: `cat` has `0ca`, `cat` and `at0`."""
    # A digit marks both ends: what is no letter or number would not live through `tokenize`.
    padded = [f"0{term}0" for term in tokenize(text)]
    return [word[at : at + 3] for word in padded for at in range(len(word) - 2)]
