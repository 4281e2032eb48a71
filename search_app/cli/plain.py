"""Text of others on a terminal: names of files and printed words must not steer it."""

import unicodedata

_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: controls (escape sequences begin with one), invisible formats (they turn the direction of
writing round, "Trojan Source", CVE-2021-42574), lone surrogates, line and paragraph separators."""
_HARMLESS = frozenset("\u00ad\u200c\u200d")
"""Formats that words and emoji need: soft hyphen, zero-width non-joiner and joiner."""


def plain(text: str, *, keep: str = "") -> str:
    r"""Text in which nothing steers a terminal: such characters are written out, as `\x1b` or `\u202e`.

    `keep` are characters to be left as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _written(character) if _steers(character) and character not in keep else character for character in text
    )


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _STEERING and character not in _HARMLESS


def _written(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
