"""What goes wrong with a Qdrant server, in the product's words.

The client's errors are told apart by what they carry, so that nothing of it has to be imported: HTTP errors have
`status_code`, gRPC errors `code()` and `details()`, refusals for too many requests `retry_after_s`, and failures
of the connection `source`.
"""

from search_app.errors import IndexUnavailable, VectorIndexError

_TRANSIENT_HTTP: set[object] = {408, 429, 500, 502, 503, 504}
_TRANSIENT_GRPC: set[object] = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"}
_GONE = ("not found", "doesn't exist", "does not exist")


class CollectionGone(IndexUnavailable):
    """A physical collection is not there any more: the alias has moved and its writer removed the old one."""


def in_words(error: Exception, where: str) -> VectorIndexError:
    """The product's error for one of the client's; `where` is the server's address."""
    text = _text(error)
    if _status(error) in (401, 403, "UNAUTHENTICATED", "PERMISSION_DENIED"):
        return IndexUnavailable(f"the Qdrant server at {where} refuses access: check QDRANT_API_KEY ({text})")
    if delay_asked(error) is not None:
        return IndexUnavailable(
            f"the Qdrant server at {where} does not answer ({text}): check that it runs, or unset QDRANT_URL to "
            f"use the embedded index"
        )
    if _status(error) in (404, "NOT_FOUND") or any(word in text.lower() for word in _GONE):
        return CollectionGone(f"the Qdrant server at {where} misses a collection ({text})")
    return VectorIndexError(f"the Qdrant server at {where} refuses: {text}")


def already_exists(error: Exception) -> bool:
    """Whether the server refused to make what is there."""
    return _status(error) in (409, "ALREADY_EXISTS") or "already exists" in _text(error)


def lacks_index(error: VectorIndexError) -> bool:
    """Whether the server refused to count by a field that it has not indexed."""
    return "index for faceting" in str(error)


def delay_asked(error: Exception) -> float | None:
    """For `Patience.retry`: only what may pass by itself is tried again."""
    asked = getattr(error, "retry_after_s", None)
    if asked is not None:
        return float(asked)
    source = getattr(error, "source", None)
    if source is not None:
        # the client wraps what httpx raised and also its own failures to understand an answer
        return 0.0 if type(source).__module__.startswith("http") else None
    return 0.0 if _status(error) in _TRANSIENT_HTTP | _TRANSIENT_GRPC else None


def _status(error: Exception) -> object:
    """The HTTP status or the name of the gRPC status."""
    code = getattr(error, "code", None)
    return getattr(code(), "name", None) if callable(code) else getattr(error, "status_code", None)


def _text(error: Exception) -> str:
    source = getattr(error, "source", None) or error
    details = getattr(source, "details", None)
    return str(details() if callable(details) else source).replace("\n", " ") or type(source).__name__
