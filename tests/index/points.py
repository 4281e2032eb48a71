"""Made-up points and models for the tests of the index."""

import time
from collections.abc import Callable, Iterable

import numpy as np

from search_app.datatypes import EncoderSpec, FloatVector, Neighbours, Picture, Point, VectorQuery

DIM = 8
SPEC = EncoderSpec("small", DIM, "a" * 32, (32, 32))
OTHER = EncoderSpec("other", DIM, "b" * 32, (32, 32))
FOLDER = "/pictures"


def unit(number: int, dim: int = DIM) -> FloatVector:
    """A unit vector that belongs to `number`."""
    row = np.random.default_rng(number).normal(size=dim).astype(np.float32)
    return row / np.linalg.norm(row)


def picture(number: int, path: str | None = None) -> Picture:
    """A picture that belongs to `number`."""
    return Picture(path or f"some/{number:06d}.jpg", f"{number:032x}", 1000 + number, 10**18 + number, 640, 480, "JPEG")


def points(ids: Iterable[int], dim: int = DIM) -> list[Point]:
    """One point for each id, always the same."""
    return [Point(number, unit(number, dim), picture(number)) for number in ids]


def query(number: int, limit: int = 5, **options: object) -> VectorQuery:
    """The query whose best answer is point `number`."""
    return VectorQuery(unit(number), limit, **options)  # type: ignore[arg-type]


def ids_of(answer: Neighbours) -> list[int]:
    """The ids of an answer as a list."""
    return [int(number) for number in answer.ids]


def eventually(holds: Callable[[], bool], limit: float = 20.0) -> None:
    """Wait until `holds`, or fail."""
    give_up = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)
