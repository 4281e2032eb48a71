"""Throughput of an index run on Ray against the number of workers, beside the local engine.

`python -m benchmarks ray_scaling [--workers 1 2 4] [--times 4] [--model lite]`: the bundled sample, several times over,
into a collection in memory. Ray on this machine: more workers than cores take from each other.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from search_app.encoders.base import Encoder
from search_app.index.memory.store import MemoryStore
from search_app.ingest.engine import IngestOptions, LocalEngine, MakeEngine
from search_app.ingest.pipeline import run_ingest
from search_app.settings import Settings, load_settings
from search_app.wiring import open_encoder, ray_engine

SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "images"


def main() -> int:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--times", type=int, default=4, help="how often the sample is taken")
    parser.add_argument("--model", default="lite")
    arguments = parser.parse_args()
    settings = load_settings(model=arguments.model)
    encoder = open_encoder(settings)
    engines: list[tuple[str, MakeEngine]] = [("local", LocalEngine)]
    engines += [(f"Ray, {number}", ray_engine(settings, actors=number)) for number in arguments.workers]
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), arguments.times)
        print("| Engine, workers | pictures | whole run | to the first block | pictures a second after it |")
        print("|---|---|---|---|---|")
        for name, make in engines:
            print(_row(name, Path(folder), encoder, settings, make), flush=True)
    encoder.close()
    return 0


def _fill(folder: Path, times: int) -> None:
    for number in range(times):
        shutil.copytree(SAMPLE, folder / str(number))


def _row(name: str, folder: Path, encoder: Encoder, settings: Settings, make: MakeEngine) -> str:
    steps: list[tuple[int, float]] = []
    options = IngestOptions(settings.max_pixels, settings.workers)
    tell = partial(_note, steps)
    started = time.perf_counter()
    report = run_ingest(folder, encoder, MemoryStore("images"), options, tell, make)
    whole = time.perf_counter() - started
    return f"| {name} | {report.indexed} | {whole:.1f} s | {steps[1][1] - started:.1f} s | {_rate(steps[1:]):.1f} |"


def _note(steps: list[tuple[int, float]], done: int, _total: int, _skipped: int) -> None:
    steps.append((done, time.perf_counter()))


def _rate(steps: Sequence[tuple[int, float]]) -> float:
    (first, began), (last, ended) = steps[0], steps[-1]
    return (last - first) / max(ended - began, 1e-9)


if __name__ == "__main__":
    raise SystemExit(main())
