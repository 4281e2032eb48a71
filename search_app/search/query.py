"""The grammar of a query: what may be asked, and the one place where that is checked."""

import math
import unicodedata
from dataclasses import dataclass, replace

from search_app.errors import BadRequest

MAX_TEXT_LENGTH = 2_000
"""Characters; every text tower reads far fewer."""
MAX_OFFSET = 100_000
DEFAULT_LIMIT = 5


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a caller asks, as it was asked; `validated` turns it into something that can be answered."""

    text: str
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    min_score: float | None = None
    """Hits with a lower cosine similarity are left out."""

    def validated(self, max_limit: int) -> "SearchQuery":
        """The same query with normalised text.

        Raises `BadRequest` naming the parameter that is wrong and what it accepts.
        """
        text = normalised(self.text)
        if not text:
            raise BadRequest("the query is empty: say in words what the pictures should show", "query")
        if len(text) > MAX_TEXT_LENGTH:
            raise BadRequest(f"the query has {len(text)} characters; at most {MAX_TEXT_LENGTH} are read", "query")
        check_limit(self.limit, max_limit)
        if not 0 <= self.offset <= MAX_OFFSET:
            raise BadRequest(f"offset must be between 0 and {MAX_OFFSET}", "offset")
        if self.min_score is not None and not (math.isfinite(self.min_score) and -1 <= self.min_score <= 1):
            raise BadRequest("min_score is a cosine similarity: a number between -1 and 1", "min_score")
        return replace(self, text=text)


def check_limit(limit: int, max_limit: int) -> None:
    """Raise `BadRequest` where a number of hits is not between 1 and `max_limit`."""
    if not 1 <= limit <= max_limit:
        raise BadRequest(f"limit must be between 1 and {max_limit}", "limit")


def normalised(text: str) -> str:
    """Text without control characters and lone surrogates, which tokenizers refuse, and with single spaces."""
    kept = "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)
    return " ".join(kept.split())
