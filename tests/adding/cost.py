"""What one upload costs, by the size of the collection: `python -m tests.adding.cost --pictures 2000 16000`.

Embedded index, vectors of 512 numbers that cost nothing to make, so that what is left is the commit: seconds from the
request to the answer, when the picture can be found, and of them those of the processor, which other work on the
machine does not change. Medians of a few requests.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.datatypes import EncoderSpec, FloatMatrix, Picture, PixelBatch, Point
from search_app.encoders.stub import StubEncoder
from search_app.index.edge.store import EdgeStore
from search_app.ingest.adding.adder import Adder
from search_app.ingest.copies_pass import refresh_copies
from search_app.search.service import SearchService
from tests.adding.world import MAX_PIXELS, form, noise

DIM = 512
REPEATS = 5
TOGETHER = 8


class WideEncoder(StubEncoder):
    """The stub with vectors as long as those of real models."""

    @property
    def spec(self) -> EncoderSpec:
        return replace(super().spec, name="wide", dim=DIM, fingerprint="wide-1")

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        return np.pad(super().encode_images(pixels), ((0, 0), (0, DIM - 16)))

    def encode_texts(self, texts: list[str]) -> FloatMatrix:  # type: ignore[override]
        return np.pad(super().encode_texts(texts), ((0, 0), (0, DIM - 16)))


def fill(store: EdgeStore, folder: Path, count: int) -> None:
    """Points that look like those of pictures; their files are not needed here."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(count, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    points = []
    for number, vector in enumerate(vectors, 1):
        hashes = "".join(f"{part:016x}" for part in random.integers(0, 2**63, 4))
        picture = Picture(f"{number}.jpg", f"{number:032x}", 1000, number, 640, 480, "JPEG", hashes, ("red", "black"))
        points.append(Point(number, vector, picture))
    with store.writer(WideEncoder().spec, str(folder)) as writer:
        writer.upsert(points)
        refresh_copies(writer)
        writer.commit()


def measure(home: Path, count: int) -> str:
    """One line of the table."""
    folder = home / "pictures"
    folder.mkdir(parents=True)
    store = EdgeStore(home / "storage", "images")
    fill(store, folder, count)
    app = create_app(
        lambda: SearchService(WideEncoder(), store.reader()),
        open_adder=lambda service: Adder(store, service.reader, lambda: service.encoder, max_pixels=MAX_PIXELS),
    )
    with TestClient(app) as client:

        def add(first: int, several: int) -> float:
            began = time.perf_counter()
            answer = client.post(
                "/images", **form(*((f"{first + at}.png", noise(first + at)) for at in range(several)))
            )
            assert answer.status_code == 201, answer.text
            return time.perf_counter() - began

        def remove(number: int) -> float:
            began = time.perf_counter()
            assert client.delete(f"/images/{number}").status_code == 204
            return time.perf_counter() - began

        worked = _processor()
        alone = statistics.median(add(1_000_000 + 100 * n, 1) for n in range(REPEATS))
        worked = (_processor() - worked) / REPEATS
        sixteen = statistics.median(add(2_000_000 + 100 * n, 16) for n in range(REPEATS))
        with ThreadPoolExecutor(TOGETHER) as threads:
            began = time.perf_counter()
            list(threads.map(lambda n: add(3_000_000 + 100 * n, 1), range(REPEATS * TOGETHER)))
            rate = REPEATS * TOGETHER / (time.perf_counter() - began)
        removal = statistics.median(remove(n) for n in range(1, REPEATS + 1))
    return (
        f"{count:>8} pictures: {alone:.2f} s for one ({worked:.2f} s of the processor), "
        f"{sixteen:.2f} s for sixteen in a request, {removal:.2f} s to remove one, "
        f"{rate:.1f} a second from {TOGETHER} clients\n"
    )


def _processor() -> float:
    """Seconds of this process and of those of its children that have ended, as owners of replaced generations have."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[2_000, 16_000])
    for count in parser.parse_args().pictures:
        with tempfile.TemporaryDirectory() as home:
            sys.stdout.write(measure(Path(home), count))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
