"""Start and size of the service with `lite`: until it is ready, what it holds in memory, and what an import takes.

Processes are started again and again, in turn; files come from the page cache. Memory is taken of the service and the
engine's process together, after a few queries of each kind. Beside the collection of the bundled sample's size stands
one of 65,536 pictures where `--home` has it from `query`.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed import made_up
from benchmarks.speed.options import add_home, parser_of, resolve_home
from benchmarks.speed.pairs import Timed, in_turn
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.services import ROOT, environment, ours, serving
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.minilm import MiniLmSentences

SMALL = 73
"""As many pictures as the bundled sample has."""
QUERIES = 20
IMPORTS = {"ours": "import search_app.main", "fastapi": "import fastapi, numpy", "python": "pass"}


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("start", results=arguments.results)
    rounds = 1 if arguments.quick else arguments.rounds
    with contextlib.ExitStack() as stack:
        small = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        note("imports")
        ways, imports = {name: _python(code) for name, code in IMPORTS.items()}, 1 if arguments.quick else 2 * rounds
        figures: dict[str, Any] = {
            "imports": {name: one.milliseconds() for name, one in in_turn(ways, rounds=imports).items()},
            "modules": _modules(),
            "services": {},
        }
        made_up.make(small, LiteEncoder(), SMALL, MiniLmSentences())
        large = arguments.home and arguments.home / "lite"
        for home in (small, large):
            if home is not None and home.exists():
                note("starts")
                name, found = _started(home, rounds)
                figures["services"][name] = found
    result = bench.write(figures, arguments.command)
    sys.stdout.write(table(result) + "\n\n" + result.where + "\n")


def _arguments() -> argparse.Namespace:
    parser = parser_of("start", __doc__, quick="one start, only to see that it works")
    add_home(parser)
    parser.add_argument("--rounds", type=int, default=7, help="starts of each service (default 7)")
    arguments = parser.parse_args()
    given = resolve_home(arguments)
    arguments.command = f"python -m benchmarks start{given}{' --quick' if arguments.quick else ''}"
    return arguments


def _python(code: str) -> Any:
    def run() -> int:
        subprocess.run([sys.executable, "-c", code], check=True, env=environment(), cwd=ROOT)
        return 1

    return run


def _modules() -> int:
    """How many modules the import loads."""
    code = "import sys; import search_app.main; print(len(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], check=True, env=environment(), cwd=ROOT, capture_output=True)
    return int(told.stdout)


def _started(home: Path, rounds: int) -> tuple[str, dict[str, Any]]:
    """Starts of the service in a folder: its count of pictures, and what was measured."""
    seconds, stopped, before, after = [], [], [], []
    for number in range(rounds + 1):
        with serving(ours(), home, SEARCH_MODEL="lite") as service:
            client = service.client()
            count = json.loads(client.ask("GET", "/readyz"))["count"]
            idle = service.memory_mb()
            for query in range(QUERIES):
                client.get(made_up.sentence(query))
                client.post(made_up.sentence(query))
            if number:  # the first one fills the page cache
                seconds.append(service.ready_s)
                before.append(idle)
                after.append(service.memory_mb())
            started = time.perf_counter()
        stopped.append(time.perf_counter() - started)
    return f"{count:,}", {
        "ready": Timed(tuple(seconds)).milliseconds(),
        "stop": Timed(tuple(stopped)).milliseconds(),
        "ready_mb": _middle(before),
        "asked_mb": _middle(after),
    }


def _middle(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def table(result: Result) -> str:
    """The Markdown table."""
    figures = result.figures
    imports = {name: f"{one['p50'] / 1000:.2f} s" for name, one in figures["imports"].items()}
    beside = f"{figures['modules']} modules; `{IMPORTS['fastapi']}` {imports['fastapi']}, Python {imports['python']}"
    rows = ["| | target | measured | note |", "|---|---|---|---|"]
    rows.append(f"| `import search_app.main` | <= 0.8 s | {imports['ours']} | {beside} |")
    for count, one in figures["services"].items():
        ready, memory = one["ready"], one["asked_mb"]
        spread = f"{ready['low'] / 1000:.2f} to {ready['high'] / 1000:.2f} s in {ready['n']} starts"
        of = f"with `lite`, {count} pictures"
        rows.append(f"| from process start to ready {of} | <= 2 s | {ready['p50'] / 1000:.2f} s | {spread} |")
        fresh = f"RSS {one['ready_mb']['rss']:.0f} MB before the first query; service and engine together"
        told = (
            f"{memory['rss']:.0f} MB, PSS {memory['pss']:.0f} MB, {memory['anonymous']:.0f} MB without pages of files"
        )
        rows.append(f"| resident {of} | <= 350 MB | {told} | {fresh} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
