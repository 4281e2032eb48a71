"""What each path asks of a key. One that is not named here asks for all: a new route is closed until it is opened."""

from collections.abc import Mapping
from typing import Any

from search_app.api.guarding.collection_paths import PREFIX, asked_of
from search_app.api.guarding.keys import Scope

PROBES = frozenset({"/healthz", "/readyz"})
"""What looks after the service asks these, without a key and by whatever name."""
METRICS = "/metrics"
_OPEN = PROBES | {"/", "/judge", "/docs", "/openapi.json", "/session"}
_OPEN_BELOW = ("/static/", "/docs/assets/")
"""Pages, their files and the description of the API: the same everywhere, and in the public source."""
_READING = frozenset({"/search", "/search/", "/search/batch", "/info", PREFIX, "/v1/embeddings", "/v1/models"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def path_of(scope: Mapping[str, Any]) -> str:
    """The path as the routes see it, without the one that a proxy serves the application below."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def scope_needed(method: str, path: str) -> Scope | None:
    """What a key must open to ask this; None where no key is asked for."""
    if path in _OPEN or path.startswith(_OPEN_BELOW):
        return None
    asked = asked_of(path)
    if asked is not None and asked.collection is not None:
        return scope_needed(method, asked.rest) or Scope.READ  # whether another one is ready is nobody's business
    is_picture = path.startswith("/images/") and (method in _SAFE or path.endswith("/explain"))
    if path in _READING or is_picture or path.startswith("/v1/models/"):
        return Scope.READ
    if path == METRICS:
        return Scope.METRICS
    if path == "/judgements" or path.startswith("/judgements/"):
        return Scope.WRITE
    return Scope.ADMIN


def changes_something(method: str, path: str) -> bool:
    """Whether a request may leave something changed behind it."""
    return method not in _SAFE and scope_needed(method, path) is not Scope.READ
