"""Every question as a value: what is sent, and how the answer is read. Both clients ask these."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar, cast

import httpx

from search_app.client.errors import ClientError, ProblemError, UnexpectedAnswer, Unreachable
from search_app.client.grammar import ExplainGrammar, Grammar, ListGrammar, Question, body_of, options_of
from search_app.client.pictures import Picture, picture_bytes, picture_name
from search_app.client.reading import read
from search_app.client.retrying import Outcome
from search_app.client.values import (
    AddedImage,
    AddedImages,
    Answers,
    Explanation,
    Info,
    Readiness,
    ScoredId,
    SearchAnswer,
    SimilarAnswer,
)

T = TypeVar("T")
BATCH = 32
"""Queries in one request; the service takes no more."""
ADDED_AT_ONCE = 16
"""Pictures in one request; the service takes no more."""
MetaValue: TypeAlias = str | int | float | bool | Sequence[str]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One question."""

    path: str
    reader: Callable[[httpx.Response], T]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    """What is posted as JSON."""
    form: Mapping[str, Any] | None = None
    """What is posted as a form, beside the files."""
    files: Sequence[tuple[str, bytes]] = ()
    """Names of fields and their files."""
    method: str = ""
    """Where it is neither GET nor POST."""
    good: frozenset[int] = frozenset({HTTPStatus.OK})
    """The statuses that `reader` reads."""

    def request(self) -> dict[str, Any]:
        """The arguments of httpx's `request`."""
        posted = self.body is not None or self.form is not None
        return {
            "method": self.method or ("POST" if posted else "GET"),
            "url": self.path,
            "params": self.parameters,
            "json": self.body,
            "data": self.form,
            "files": [(field, ("image", content)) for field, content in self.files] or None,
        }

    def answer(self, outcome: Outcome) -> T:
        """The value of a good answer; raises `ProblemError`, `Unreachable` or `UnexpectedAnswer`."""
        if isinstance(outcome, httpx.TransportError):
            address = outcome.request.url.copy_with(username=None, password=None, query=None)
            raise Unreachable(
                f"{address} does not answer ({str(outcome) or type(outcome).__name__}): "
                "is the address right, and does the service run?"
            ) from outcome
        if outcome.status_code not in self.good:
            raise problem_of(outcome)
        return self.reader(outcome)


def search(query: str, options: Grammar) -> Call[SearchAnswer]:
    """`POST /search`."""
    return Call("search", _reader(SearchAnswer), body=body_of(query, options))


def ids(query: str, options: ListGrammar) -> Call[list[ScoredId]]:
    """`GET /search`."""
    return Call("search", _scored_ids, {"query": query, **options_of(options, ListGrammar)})


def batches(queries: Sequence[str | Question], common: Grammar) -> Iterator[Call[Answers]]:
    """`POST /search/batch`, as often as it takes; `common` holds for every query that does not say otherwise."""
    bodies = iter([_batched(query, common) for query in queries])
    while some := list(islice(bodies, BATCH)):
        yield Call("search/batch", _reader(Answers), body={"queries": some})


def similar(image_id: int, limit: int) -> Call[SimilarAnswer]:
    """`GET /images/{id}/similar`."""
    return Call(f"images/{image_id:d}/similar", _reader(SimilarAnswer), {"limit": limit})


def explain(image_id: int, query: str, options: ExplainGrammar) -> Call[Explanation]:
    """`GET /images/{id}/explain`."""
    parameters = {"query": query, **options_of(options, ExplainGrammar)}
    return Call(f"images/{image_id:d}/explain", _reader(Explanation), parameters)


def image(image_id: int) -> Call[bytes]:
    """`GET /images/{id}`."""
    return Call(f"images/{image_id:d}", _picture)


def thumbnail(image_id: int, size: int) -> Call[bytes]:
    """`GET /images/{id}/thumbnail`."""
    return Call(f"images/{image_id:d}/thumbnail", _picture, {"size": size})


def add(
    pictures: Mapping[str, Picture], meta: Mapping[str, MetaValue] | None
) -> Iterator[Call[tuple[AddedImage, ...]]]:
    """`POST /images`, as often as it takes; raises `OSError` where a file cannot be read."""
    said = {"meta": json.dumps(meta, ensure_ascii=False)} if meta else {}
    left = iter(pictures.items())
    while some := list(islice(left, ADDED_AT_ONCE)):
        yield Call(
            "images",
            lambda response: read(AddedImages, _json(response)).images,
            form={"path": [path for path, _ in some], **said},
            files=[("image", picture_bytes(picture)) for _, picture in some],
            good=frozenset({HTTPStatus.OK, HTTPStatus.CREATED}),
        )


def add_one(picture: Picture, path: str, meta: Mapping[str, MetaValue] | None) -> Call[tuple[AddedImage, ...]]:
    """The same for one picture; raises `ClientError` where it has no name."""
    name = path or picture_name(picture)
    if not name:
        raise ClientError("a picture that comes from no file needs a path: where it goes in the indexed folder")
    return next(add({name: picture}, meta))


def delete(image_id: int) -> Call[bool]:
    """`DELETE /images/{id}`: False where it was not there, as after a first attempt whose answer was lost."""
    return Call(
        f"images/{image_id:d}",
        lambda response: response.status_code == HTTPStatus.NO_CONTENT,
        method="DELETE",
        good=frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}),
    )


def info() -> Call[Info]:
    """`GET /info`."""
    return Call("info", _reader(Info))


def ready() -> Call[Readiness]:
    """`GET /readyz`."""
    return Call("readyz", _reader(Readiness))


def problem_of(response: httpx.Response) -> ProblemError:
    """The problem document of an answer that is none of the good ones; a stranger in between may have sent another."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    parameter = document.get("parameter")
    return ProblemError(
        response.status_code,
        str(document.get("title") or response.reason_phrase),
        str(document.get("detail") or ""),
        None if parameter is None else str(parameter),
    )


def _batched(query: str | Question, common: Grammar) -> dict[str, Any]:
    if isinstance(query, str):
        return body_of(query, common)
    options = cast("dict[str, Any]", {**common, **query})
    return body_of(options.pop("query", ""), options)


def _reader(kind: type[T]) -> Callable[[httpx.Response], T]:
    return lambda response: read(kind, _json(response))


def _scored_ids(response: httpx.Response) -> list[ScoredId]:
    given = _json(response)
    if not isinstance(given, list):
        raise UnexpectedAnswer("this is not the answer of an image search service: a list was expected")
    return [read(ScoredId, one) for one in given]


def _picture(response: httpx.Response) -> bytes:
    kind = response.headers.get("content-type", "")
    if not kind.startswith("image/"):
        raise UnexpectedAnswer(f"a picture was expected, not {kind or 'something without a type'}")
    return response.content


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise UnexpectedAnswer(f"this is not the answer of an image search service: {error}") from None
