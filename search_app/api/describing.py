"""What keys and limits add to the OpenAPI document: the same for every operation that asks for a key."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from search_app.api.guarding.scopes import scope_needed
from search_app.api.problems import documented

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service asks for keys"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same in another header"},
}
_REFUSALS = documented(
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE
)


def install(app: FastAPI) -> None:
    """Make the description of `app` tell who may ask what."""
    describe = app.openapi

    def describe_with_keys() -> dict[str, Any]:
        description = describe()
        description["components"]["securitySchemes"] = _SCHEMES
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                needed = scope_needed(method.upper(), path)
                if needed:
                    scope = needed.name.lower()
                    operation["security"] = [{}, {"bearer": [scope]}, {"header": [scope]}]
                    refusals = {str(status): response for status, response in _REFUSALS.items()}
                    operation["responses"] = refusals | operation["responses"]
        return description

    app.openapi = describe_with_keys  # type: ignore[method-assign]
