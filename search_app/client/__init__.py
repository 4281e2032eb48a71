"""A client of the HTTP interface: `SearchClient`, and `AsyncSearchClient` for programs that await."""

from search_app.client.awaiting import AsyncSearchClient
from search_app.client.blocking import SearchClient
from search_app.client.errors import ClientError, ProblemError, UnexpectedAnswer, Unreachable
from search_app.client.grammar import Term
from search_app.client.retrying import Retry
from search_app.client.values import (
    AddedImage,
    Explanation,
    FacetCount,
    HeatMap,
    Hit,
    Info,
    PrintedWords,
    Readiness,
    ScoredId,
    SearchAnswer,
    SimilarAnswer,
    TermShare,
    Understood,
)

__all__ = [
    "AddedImage",
    "AsyncSearchClient",
    "ClientError",
    "Explanation",
    "FacetCount",
    "HeatMap",
    "Hit",
    "Info",
    "PrintedWords",
    "ProblemError",
    "Readiness",
    "Retry",
    "ScoredId",
    "SearchAnswer",
    "SearchClient",
    "SimilarAnswer",
    "Term",
    "TermShare",
    "Understood",
    "UnexpectedAnswer",
    "Unreachable",
]
