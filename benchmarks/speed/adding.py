"""What it costs to add one picture to a collection that is served, by the size of the collection.

Embedded index, vectors of 512 numbers that cost nothing to make, print on every other picture. What is measured is
`ingest.adding` in this process: a small PNG is looked at, its file written, the index committed, and the reader that
answers follows. Light commits are the product's own; commits of whole generations are what they took the place of.
Seconds of the processor are those of this process and of the engine's processes; other work on the machine does not
change them much. The first commit after a whole generation makes the copy that readers bring deltas into.
"""

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from benchmarks.speed.made_up import picture, printed
from benchmarks.speed.options import parser_of
from benchmarks.speed.results import Bench, Result, note
from search_app.datatypes import EncoderSpec, FloatMatrix, PixelBatch, Point, WordsSpec
from search_app.encoders.stub import StubEncoder
from search_app.index.base import IndexReader
from search_app.index.edge.store import EdgeStore
from search_app.ingest.adding.adder import Adder
from search_app.ingest.adding.values import NewPicture
from search_app.ingest.copies_pass import refresh_copies
from search_app.search.background import read_background

DIM, WORDS_DIM = 512, 384
REPEATS = 5
MAX_PIXELS = 10**6
_AT_ONCE = 2_048


class WideEncoder(StubEncoder):
    """The stub with vectors as long as those of real models."""

    @property
    def spec(self) -> EncoderSpec:
        """What the encoder is."""
        return replace(super().spec, name="wide", dim=DIM, fingerprint="wide-1")

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """The colours of the stub, and zeros."""
        return np.pad(super().encode_images(pixels), ((0, 0), (0, DIM - StubEncoder().spec.dim)))


class WholeStore(EdgeStore):
    """Commits whole generations only."""

    def lightly(self) -> "WholeStore":
        """Not so."""
        return self


def main() -> None:
    """Measure and print."""
    parser = parser_of("adding", __doc__, quick="200 pictures")
    parser.add_argument("--pictures", type=int, nargs="+", default=[200, 2_000, 16_000, 65_000])
    arguments = parser.parse_args()
    counts = [200] if arguments.quick else arguments.pictures
    bench = Bench("adding", results=arguments.results)
    rows = []
    for count in counts:
        for name, kind in (("whole", WholeStore), ("light", EdgeStore)):
            note(f"{count} pictures, {name}")
            with tempfile.TemporaryDirectory() as home:
                rows.append({"pictures": count, "commits": name, **measured(Path(home), kind, count)})
            note(str(rows[-1]))
    command = f"python -m benchmarks adding --pictures {' '.join(map(str, counts))}"
    print(table(bench.write({"dim": DIM, "rows": rows}, command)))


def fill(store: EdgeStore, folder: Path, count: int) -> None:
    """Points that look like those of pictures with print; their files are not needed here."""
    random = np.random.default_rng(0)
    with store.writer(WideEncoder().spec, str(folder)) as writer:
        for ids in _batches(count):
            points = zip(ids, _unit(random, len(ids), DIM), strict=True)
            hashes = random.integers(0, 2**63, (len(ids), 4))
            writer.upsert(
                [
                    Point(number, row, replace(picture(number), phash="".join(f"{part:016x}" for part in parts)))
                    for (number, row), parts in zip(points, hashes.tolist(), strict=True)
                ]
            )
        writer.open_words(WordsSpec("made-up", WORDS_DIM))
        for ids in _batches(count):
            rows = _unit(random, len(ids), WORDS_DIM)
            writer.update_words([printed(number, row, random) for number, row in zip(ids, rows, strict=True)])
        refresh_copies(writer)
        writer.commit()


def _batches(count: int) -> list[range]:
    return [range(first, min(first + _AT_ONCE, count + 1)) for first in range(1, count + 1, _AT_ONCE)]


def _unit(random: np.random.Generator, count: int, dim: int) -> FloatMatrix:
    rows = random.normal(size=(count, dim)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def measured(home: Path, kind: type[EdgeStore], count: int) -> dict[str, Any]:
    """Seconds by the clock until a picture can be found, and of the processor: of the first, of one, of sixteen."""
    folder = home / "pictures"
    folder.mkdir()
    store = kind(home / "storage", "images")
    fill(store, folder, count)
    reader = store.reader()
    adder = Adder(store, reader, WideEncoder, max_pixels=MAX_PIXELS)

    def add(number: int, several: int = 1) -> Callable[[], object]:
        new = [NewPicture(f"new/{number}-{at}.png", _noise(number * 100 + at)) for at in range(several)]
        return lambda: adder.add(new)

    figures = {
        "first": _timed([add(1)]),
        "one": _timed([add(number) for number in range(2, 2 + REPEATS)]),
        "sixteen": _timed([add(number, 16) for number in range(20, 20 + REPEATS)]),
        "removed": _timed([_removal(adder, number) for number in range(1, 1 + REPEATS)]),
        "sample": _timed([lambda: _sample(reader)]),
    }
    adder.close()
    reader.close()
    return figures


def _removal(adder: Adder, number: int) -> Callable[[], object]:
    return lambda: adder.remove(number)


def _sample(reader: IndexReader) -> object:
    """What the first query after a commit does."""
    return read_background(reader, reader.manifest())


def _noise(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def _timed(doings: list[Callable[[], object]]) -> dict[str, float]:
    """Median seconds by the clock, and mean seconds of the processor."""
    seconds, worked = [], _processor()
    for do in doings:
        began = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - began)
    return {
        "seconds": round(statistics.median(seconds), 3),
        "processor": round((_processor() - worked) / len(doings), 3),
    }


def _processor() -> float:
    """Of this process, of its children, and of those of them that have ended."""
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def table(result: Result) -> str:
    """Seconds of the processor, and by the clock in brackets."""
    head = (
        "| Pictures | commits | one picture | the first after a whole generation | sixteen together | one removed "
        "| the sample for the next query |\n|---|---|---|---|---|---|---|"
    )
    parts = ("one", "first", "sixteen", "removed", "sample")
    lines = [
        f"| {row['pictures']:,} | {row['commits']} | "
        + " | ".join(f"{row[part]['processor']:.2f} s ({row[part]['seconds']:.2f} s)" for part in parts)
        + " |"
        for row in result.figures["rows"]
    ]
    return "\n".join([head, *lines, "", result.where])


if __name__ == "__main__":
    main()
