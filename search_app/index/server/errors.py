"""What goes wrong with a Qdrant server, in the product's words.

The client's errors are told apart by what they carry, so that nothing of it has to be imported: HTTP errors have
`status_code`, gRPC errors `code()` and `details()`, refusals for too many requests `retry_after_s`, and failures
of the connection `source`.
"""

import json
import ssl
from collections.abc import Callable, Iterator

from search_app.errors import IndexUnavailable, VectorIndexError
from search_app.index.server.address import Address
from search_app.index.server.versions import client_version, skew

_TRANSIENT_HTTP: set[object] = {408, 425, 429, 500, 502, 503, 504}
_TRANSIENT_GRPC: set[object] = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"}
_NO_ACCESS: set[object] = {401, 403, "UNAUTHENTICATED", "PERMISSION_DENIED"}
_NOT_KNOWN: set[object] = {404, 405, 501, "UNIMPLEMENTED"}
_NOT_READ = (
    "unknown variant",
    "unknown field",
    "format error in json",
    "did not match any variant",
    "deserialize error",
)
_GONE = ("not found", "doesn't exist", "does not exist")
_LONGEST_TEXT = 300


class CollectionGone(IndexUnavailable):
    """A physical collection is not there any more: the alias has moved and its writer removed the old one."""


def in_words(error: Exception, address: Address, version: Callable[[], str]) -> VectorIndexError:
    """The product's error for one of the client's; `version` finds out the server's, where that may be the cause."""
    where = f"the Qdrant server at {address}"
    text = address.without_secrets(_text(error))
    status = _status(error)
    if _is_limit(status, text):
        return VectorIndexError(
            f"{where} keeps the limits of this collection's strict mode ({text}): ask for less, or raise the limit on "
            f"the server and in [strict_mode] of SEARCH_PROFILE"
        )
    if status in _NO_ACCESS:
        return IndexUnavailable(f"{where} refuses access ({status}): check QDRANT_API_KEY, and what it may do there")
    if (reason := _no_answer(error, text)) is not None:
        return IndexUnavailable(f"{where} {reason}")
    if status in {404, "NOT_FOUND", None} and any(word in _said(error) for word in _GONE):
        return CollectionGone(f"{where} misses a collection ({text})")
    if status in _NOT_KNOWN or any(word in text.lower() for word in _NOT_READ):
        return VectorIndexError(f"{where} does not know what it is asked for ({text}): {_version_remedy(version())}")
    return VectorIndexError(f"{where} refuses: {text}")


def _no_answer(error: Exception, text: str) -> str | None:
    """Why no answer came that could be read, and what to do; None where one did."""
    if (broken := _tls(error)) is not None:
        return f"cannot be spoken to over TLS ({text}): {_tls_remedy(broken)}"
    if _is_garbled(error):
        return (
            f"answers what is no answer of Qdrant's ({text}): check that QDRANT_URL names a Qdrant server, and what is "
            f"between it and here"
        )
    if "rate limit exceeded" in text.lower():
        return f"is asked more often than the collection's strict mode allows ({text}): ask later, or raise the rate"
    if (asked := delay_asked(error)) is not None:
        wish = f", and asks to be left alone for {asked:.0f} s" if asked else ""
        return f"does not answer ({text}){wish}: check that it runs, or unset QDRANT_URL to use the embedded index"
    return None


def _is_limit(status: object, text: str) -> bool:
    """Whether strict mode refused: it says so in these words, 403 before Qdrant 1.14 and 400 since."""
    return status in {400, 403, "INVALID_ARGUMENT", "PERMISSION_DENIED"} and ". Help: " in text


def already_exists(error: Exception) -> bool:
    """Whether the server refused to make what is there."""
    return _status(error) in {409, "ALREADY_EXISTS"} or "already exists" in _text(error)


def lacks_index(error: VectorIndexError) -> bool:
    """Whether the server refused to count by a field that it has not indexed."""
    return "index for faceting" in str(error)


def delay_asked(error: Exception) -> float | None:
    """For `Patience.retry`: only what may pass by itself is tried again."""
    asked = getattr(error, "retry_after_s", None)
    if asked is not None:
        return float(asked)
    if _is_garbled(error):
        return 0.0
    source = getattr(error, "source", None)
    if source is not None:
        passes = type(source).__module__.startswith("http") and type(source).__name__ not in {
            "LocalProtocolError",
            "UnsupportedProtocol",
        }
        return 0.0 if passes and _tls(error) is None else None
    if _status(error) not in _TRANSIENT_HTTP | _TRANSIENT_GRPC:
        return None
    told = (getattr(error, "headers", None) or {}).get("retry-after", "")
    return float(told) if told.isdecimal() else 0.0


def _is_garbled(error: Exception) -> bool:
    """Whether an answer came that the client can make nothing of: no JSON, or not what was asked for."""
    wrapped = getattr(error, "source", None)
    if wrapped is not None:
        return isinstance(wrapped, ValueError)  # pydantic's
    return isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError | AssertionError)


def _tls(error: Exception) -> ssl.SSLError | None:
    return next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError) and _is_final(cause)), None)


def _is_final(error: ssl.SSLError) -> bool:
    """A connection that was cut in the middle is none of TLS's own refusals."""
    return not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "source", None) or error.__cause__ or error.__context__


def _tls_remedy(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "write the host name of its certificate in QDRANT_URL, and name the file of the authority that signed it "
            "in SSL_CERT_FILE where that is one of your own"
        )
    return "where it speaks plain HTTP, write http:// in QDRANT_URL"


def _version_remedy(version: str) -> str:
    if not version:
        return "check that QDRANT_URL names a Qdrant server, and the path in it"
    return skew(version) or f"it is Qdrant {version}, qdrant-client here is {client_version()}: upgrade the older one"


def _status(error: Exception) -> object:
    """The HTTP status or the name of the gRPC status."""
    code = getattr(error, "code", None)
    return getattr(code(), "name", None) if callable(code) else getattr(error, "status_code", None)


def _said(error: Exception) -> str:
    """The server's own words in small letters: without the name of the status, which any web server gives."""
    content = getattr(error, "content", None)
    return (content.decode(errors="replace") if isinstance(content, bytes) else _text(error)).lower()


def _text(error: Exception) -> str:
    source = getattr(error, "source", None) or error
    details = getattr(source, "details", None)
    text = " ".join(str(details() if callable(details) else source).split()) or type(source).__name__
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + " ..."
