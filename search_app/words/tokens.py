"""From text to the terms that are compared: what a reader of words and a person at a keyboard write alike."""

import re
import unicodedata

_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\uff07`\u00b4", "'"))
_INNER_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)")
"""Kana and Han: scripts that put no spaces between words."""


def tokenize(text: str) -> list[str]:
    """Words and numbers in their order: case, accents, ligatures and widths folded, apostrophes dropped.

    `Don't` and `DON\u2019T` are `dont`, `L'Or\u00e9al` is `loreal`, `50%` is `50`, `Caf\u00e9` is `cafe`. Of Chinese
    and Japanese each two neighbouring signs are a term, as nothing tells where a word ends.
    """
    straight = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    # Accents of Latin, Greek and Cyrillic letters fall away; vowel signs of other scripts are part of the word.
    bare = "".join(sign for sign in unicodedata.normalize("NFD", straight) if not "\u0300" <= sign <= "\u036f")
    joined = _INNER_APOSTROPHE.sub("", unicodedata.normalize("NFC", bare))
    words = "".join(sign if unicodedata.category(sign)[0] in "LMN" else " " for sign in joined).split()
    return [term for word in words for part in _UNSPACED.split(word) if part for term in _terms(part)]


def telling_terms(query: str) -> list[str]:
    """The terms of a query in their order, without function words unless it has nothing else."""
    terms = tokenize(query)
    return [term for term in terms if term not in FUNCTION_WORDS] or terms


def singular(term: str) -> str:
    """A term of `tokenize` without an English plural: `cars` is `car`, `boxes` `box`, `parties` `party`.

    Near the S-stemmer (Harman, JASIS 1991), the mildest there is. What it makes need be no word, only the same of both.
    """
    if len(term) > 4 and term.endswith("ies"):
        return term[:-3] + "y"
    if len(term) > 4 and term.endswith(("sses", "xes", "ches", "shes")):
        return term[:-2]
    return term[:-1] if len(term) > 3 and term.endswith("s") and term[-2] not in "su" else term


def _terms(part: str) -> list[str]:
    if len(part) > 2 and _UNSPACED.fullmatch(part):
        return [part[start : start + 2] for start in range(len(part) - 1)]
    return [part]


FUNCTION_WORDS = frozenset(
    tokenize(
        "a about am an and any are as at be because been but by can could did do does for from had has have he her his "
        "how i if in into is it its me my no not of on or our she should so than that the their them then there these "
        "they this those to us was we were what when where which who why will with would you your"
    )
)
"""Terms that tell nothing of what is asked. Print has few whole sentences, and BM25 goes by how seldom a term is
printed: to it `because` and `should` are worth as much as a name."""
