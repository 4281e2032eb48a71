"""What a text asks to leave out: `car -red`, "a street without people", "no text", "not at night".

A text tower hardly reads a negation ("cat without glasses" finds glasses: OFA-Sys/Chinese-CLIP#51), so what is to be
missing is taken out of the text and asked for with a negative weight. The caller is told and can switch it off.
"""

import re
from dataclasses import dataclass

_MINUS = re.compile(r'(?<!\S)-(?:"([^"]+)"|([^\W\d_][\w\']*))(?!\S)')
"""A word, or words in quotes, after a minus that stands at a word's beginning: `t-shirt` and `-5` are none."""
_WITHOUT = re.compile(
    r"(?<!\w)(?:without(?: any| a| an| the)?|with no|but no|and no|but not|and not|except(?: for)?|excluding)\s+"
    r"((?:[\w'-]+)(?:\s+(?!and\b|or\b|but\b|with\b|without\b|in\b|on\b|at\b|near\b|by\b|from\b|under\b|over\b)[\w'-]+){0,3}"
    r"(?:\s+or\s+[\w'-]+)?)",
    re.IGNORECASE,
)
"""What follows a word that leaves out, up to a word that begins something else."""
_LEADING = re.compile(r"^(?:(?:show|give|find) (?:me )?)?(?:no|not)\s+\S", re.IGNORECASE)
_ALTERNATIVES = re.compile(r"\s+or\s+", re.IGNORECASE)
_LOOSE_END = re.compile(r"[\s,;]+(?:(?:and|or|but)[\s,;]*)*$", re.IGNORECASE)
"""What a part that was taken out leaves behind it."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A text as it is taken."""

    text: str
    """What the pictures should show."""
    without: tuple[str, ...] = ()
    """What they should not show."""


def understand(text: str) -> Understood:
    """Split a normalised text; where nothing would be left to look for, it is taken as it stands.

    A text that begins with "no" or "not" ("no excuses", "not your average car") is a saying, not a request.
    """
    without: list[str] = []

    def take(match: re.Match[str]) -> str:
        found = next(group for group in match.groups() if group)
        without.extend(part.strip(" ,.;") for part in _ALTERNATIVES.split(found))
        return " "

    kept = _MINUS.sub(take, text)
    if not _LEADING.match(text):
        kept = _WITHOUT.sub(take, kept)
    kept = _LOOSE_END.sub("", " ".join(kept.split()) + " ")
    without = [part for part in without if part]
    if not kept or not without:
        return Understood(text)
    return Understood(kept, tuple(dict.fromkeys(without)))
