"""What keys, limits and collections add to the OpenAPI document: the same for every operation that they are about."""

from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from search_app.api.guarding.collection_paths import PARAMETER, PREFIX, is_about_a_collection
from search_app.api.guarding.scopes import scope_needed
from search_app.api.problems import documented

_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, where the service asks for keys"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same in another header"},
}
_REFUSALS = documented(
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE
)


_COLLECTION = {
    "name": PARAMETER,
    "in": "path",
    "required": True,
    "description": "Name of a collection, or of an alias",
    "schema": {"type": "string"},
}
_NOT_OPENED = documented(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)


def install(app: FastAPI) -> None:
    """Make the description of `app` tell who may ask what, also of each collection."""
    describe = app.openapi

    def describe_with_keys() -> dict[str, Any]:
        description = describe()
        paths = description["paths"]
        paths |= {
            f"{PREFIX}/{{{PARAMETER}}}{path}": _of_each(paths[path]) for path in paths if is_about_a_collection(path)
        }
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


def _of_each(operations: dict[str, Any]) -> dict[str, Any]:
    """The operations of a path as they are for each collection: `api.leasing` takes its name out of the path."""
    named = deepcopy(operations)
    for operation in named.values():
        operation["operationId"] = f"{operation['operationId']}_of_a_collection"
        operation["parameters"] = [_COLLECTION, *operation.get("parameters", [])]
        refusals = {str(status): response for status, response in _NOT_OPENED.items()}
        operation["responses"] = refusals | operation["responses"]
    return named
