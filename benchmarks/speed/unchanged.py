"""A second run over an unchanged folder of 100,000 files: what it takes to see that there is nothing to do.

The folder is made of links to the sample's pictures under names of their own. The first run is left out: the index is
filled with the facts of these files beside drawn vectors of 512 numbers, as ViT-B/32 has them. The second run is the
product's own, in a process that has its model open.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.speed.options import parser_of
from benchmarks.speed.pairs import in_turn
from benchmarks.speed.results import Bench, Result, note
from search_app.datatypes import EncoderSpec, FloatMatrix, ImageRef, Picture, PixelArray, PixelBatch, Point
from search_app.encoders.base import Preparer
from search_app.images.fingerprints import content_hash
from search_app.images.scan import scan_images
from search_app.index.edge.store import EdgeStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.plan import plan_run

SAMPLE = Path(__file__).parents[2] / "sample" / "images"
FOLDERS = 100
NO_GRAPH = 10**9
"""An unchanged collection has its graph already, and building one would take minutes of this benchmark."""
DIM = 512
_AT_ONCE = 1_000


class NeverAsked:
    """An encoder that knows who it is, and is given nothing to do."""

    spec = EncoderSpec("drawn", DIM, "drawn", (224, 224))

    def prepare(self, image: object) -> PixelArray:
        """Fail: there is no new picture."""
        raise AssertionError(image)

    @property
    def preparer(self) -> Preparer:
        """One that fails."""
        return self.prepare

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Fail likewise."""
        raise AssertionError(pixels.shape)

    def encode_texts(self, texts: object) -> FloatMatrix:
        """Fail likewise."""
        raise AssertionError(texts)

    def close(self) -> None:
        """Hold nothing."""


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("unchanged", results=arguments.results)
    with tempfile.TemporaryDirectory() as home:
        folder, store = Path(home, "pictures"), EdgeStore(Path(home), "speed", graph_from=NO_GRAPH)
        note(f"{arguments.count} files")
        make_folder(folder, arguments.count)
        note("the index")
        fill(store, folder)
        note("second runs")
        figures = measured(folder, store, arguments.rounds)
    command = f"python -m benchmarks unchanged --count {arguments.count}"
    print(table(bench.write({"files": arguments.count, "dim": DIM, **figures}, command)))


def _arguments() -> argparse.Namespace:
    parser = parser_of("unchanged", __doc__, quick="1,000 files, twice")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.rounds = 1_000, 2
    return arguments


def make_folder(folder: Path, count: int) -> None:
    """Files in a hundred folders, all of them links to a few pictures."""
    folder.mkdir()
    sources = []
    for number, ref in enumerate(scan_images(SAMPLE).found[:20]):
        sources.append(folder.parent / f"source-{number}{Path(ref.path).suffix}")
        sources[-1].write_bytes((SAMPLE / ref.path).read_bytes())
    for number in range(count):
        source = sources[number % len(sources)]
        place = folder / f"{number % FOLDERS:02}"
        place.mkdir(exist_ok=True)
        os.link(source, place / f"picture-{number:06}{source.suffix}")


def fill(store: EdgeStore, folder: Path) -> None:
    """Store the files as an index run would have, with drawn vectors; every file counts as a picture of its own."""
    random = np.random.default_rng(0)
    refs = scan_images(folder).found
    with store.writer(NeverAsked.spec, str(folder)) as writer:
        for start in range(0, len(refs), _AT_ONCE):
            part = refs[start : start + _AT_ONCE]
            rows = random.normal(size=(len(part), DIM)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            writer.upsert(
                [
                    Point(start + place + 1, row, facts(ref))
                    for place, (ref, row) in enumerate(zip(part, rows, strict=True))
                ]
            )
        writer.commit(final=True)


def facts(ref: ImageRef) -> Picture:
    """A picture as the index keeps it, with a hash of its own."""
    digest = content_hash(ref.path.encode())
    return Picture(
        path=ref.path,
        content_hash=digest,
        size_bytes=ref.size_bytes,
        mtime_ns=ref.mtime_ns,
        width=800,
        height=600,
        format="JPEG",
        phash=(digest * 2)[:64],
        colours=("red", "white"),
    )


def measured(folder: Path, store: EdgeStore, rounds: int) -> dict[str, object]:
    """Seconds of whole second runs, and of their parts one by one."""

    def second_run() -> int:
        report = run_ingest(folder, NeverAsked(), store, IngestOptions(10**8), lambda *_: None)
        if report.indexed or report.removed or report.skipped:
            raise SystemExit(f"the run found something to do: {report}")
        return 1

    timed = in_turn({"second run": second_run}, rounds=rounds)["second run"]
    return {"seconds": timed.milliseconds(), "parts_s": _parts(folder, store)}


def _parts(folder: Path, store: EdgeStore) -> list[tuple[str, float]]:
    marks = [("", time.perf_counter())]
    scan = scan_images(folder)
    marks.append(("scan of the folder", time.perf_counter()))
    with store.writer(NeverAsked.spec, str(folder)) as writer:
        marks.append(("open the collection", time.perf_counter()))
        known = list(writer.scan())
        marks.append(("read what the index holds", time.perf_counter()))
        plan_run(scan.found, known, lambda _ref: None)
        marks.append(("compare", time.perf_counter()))
    return [(name, round(mark - before, 3)) for (name, mark), (_, before) in zip(marks[1:], marks, strict=False)]


def table(result: Result) -> str:
    """The figures beside their targets."""
    figures = result.figures
    seconds = {name: figures["seconds"][name] / 1000 for name in ("p50", "low", "high")}
    parts = ", ".join(f"{name} {took:.2f} s" for name, took in figures["parts_s"])
    spread = f"{seconds['low']:.2f} to {seconds['high']:.2f} s; {parts}"
    what = f"second run over {figures['files']:,} unchanged files"
    return (
        "| What | Target | Measured | To the plain way | Note |\n"
        "|---|---|---|---|---|\n"
        f"| {what} | 10 s | {seconds['p50']:.2f} s | the plain way embeds them all again | {spread} |"
    )


if __name__ == "__main__":
    main()
