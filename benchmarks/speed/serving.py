"""The service with `lite` under load: queries a second and waiting times, never asked before and asked again.

The load comes from wrk (Debian: `apt-get install wrk`), a second process on the same machine; what it takes of the
processors is said. The collection is that of `query`, and made as long: with `--home` it is found the next time.
"""

import argparse
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed import made_up
from benchmarks.speed.options import add_home, parser_of, resolve_home
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.services import Running, ours, serving
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.minilm import MiniLmSentences

COUNT = 65_536
_MORE_ONCE = 100
"""Queries that are asked before, so that the sample of the collection is drawn and the model for print is open."""


@dataclass(frozen=True)
class Load:
    """One kind of load."""

    name: str
    target: str
    method: str
    fresh: bool
    """Whether every query is one that was not asked before."""
    connections: int
    workers: int = 1


LOADS = (
    Load("`GET /search`, never asked before", ">= 200/s", "GET", fresh=True, connections=8),
    Load("`POST /search`, never asked before", "", "POST", fresh=True, connections=8),
    Load("`GET /search`, never asked before, 32 clients", "", "GET", fresh=True, connections=32),
    Load("`GET /search`, asked again", ">= 1,500/s", "GET", fresh=False, connections=8),
    Load("`POST /search`, asked again", ">= 1,500/s", "POST", fresh=False, connections=8),
    Load("`GET /search`, never asked before, 2 workers", "", "GET", fresh=True, connections=8, workers=2),
    Load("`GET /search`, asked again, 2 workers", "", "GET", fresh=False, connections=8, workers=2),
)


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    bench = Bench("serving", results=arguments.results)
    count, seconds = (made_up.FEW, 1) if arguments.quick else (arguments.count, arguments.seconds)
    with contextlib.ExitStack() as stack:
        folder = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "lite"
        note("the collection")
        made_up.make(home, LiteEncoder(), count, MiniLmSentences())
        figures: dict[str, Any] = {"count": count, "seconds": seconds, "loads": {}}
        for workers in (1,) if arguments.quick else (1, 2):
            with serving(
                ours("--workers", str(workers)), home, SEARCH_MODEL="lite", SEARCH_MAX_WAITING="64"
            ) as service:
                _warm(service)
                loads = [LOADS[0], LOADS[4]] if arguments.quick else [load for load in LOADS if load.workers == workers]
                for number, load in enumerate(loads):
                    note(load.name)
                    figures["loads"][load.name] = under(load, service, seconds, 100 * (number + 1))
    result = bench.write(figures, arguments.command)
    sys.stdout.write(table(result) + "\n\n" + result.where + "\n")


def _arguments() -> argparse.Namespace:
    parser = parser_of("serving", __doc__)
    add_home(parser)
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures in the collection (default {COUNT})")
    parser.add_argument("--seconds", type=int, default=12, help="of each load (default 12)")
    arguments = parser.parse_args()
    given = resolve_home(arguments)
    arguments.command = f"python -m benchmarks serving{given}{' --quick' if arguments.quick else ''}"
    return arguments


def _warm(service: Running) -> None:
    client = service.client()
    for number in range(_MORE_ONCE):
        client.post(f"{made_up.sentence(number)} to begin with")


def under(load: Load, service: Running, seconds: int, mark: int) -> dict[str, float]:
    """What comes of a load that lasts so long; `mark` is added to what is new, so that no other load asked it."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write(_script(load, mark))
        script.flush()
        url = f"http://127.0.0.1:{service.port}"
        options = ["-t1", f"-c{load.connections}", f"-d{seconds}", "--timeout", "30", "-s", script.name]
        before, started = service.cpu_s(), time.perf_counter()
        asking = subprocess.Popen(["wrk", *options, url], stdout=subprocess.PIPE, text=True)
        told = asking.communicate()[0]
        took = time.perf_counter() - started
    return _read(told) | {"service_cores": round((service.cpu_s() - before) / took, 2)}


def _script(load: Load, mark: int) -> str:
    """What wrk asks, in Lua, and what it tells at the end."""
    sentences = [made_up.sentence(number) for number in range(made_up.DIFFERENT if load.fresh else 1)]
    listed = ", ".join(f'"{sentence}"' for sentence in sentences)
    # Each round through the list has a mark of its own: what was kept of the round before answers nothing.
    marked = f'sentences[at % #sentences + 1] .. " " .. ({mark} + math.floor(at / #sentences))'
    asked = marked if load.fresh else "sentences[1]"
    head = f"local sentences, at = {{{listed}}}, 0\nfunction request()\nlocal query = {asked}\nat = at + 1\n"
    if load.method == "GET":
        body = 'return wrk.format("GET", "/search?query=" .. query:gsub(" ", "+"))\nend\n'
    else:
        json = """'{"query": "' .. query .. '"}'"""
        body = f'return wrk.format("POST", "/search", {{["content-type"] = "application/json"}}, {json})\nend\n'
    return head + body + _DONE


_DONE = """function done(summary, latency)
local errors = summary.errors
local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
local values = {summary.requests, summary.duration, bad, latency:percentile(50), latency:percentile(99)}
io.write("figures: " .. table.concat(values, " ") .. " " .. os.clock() .. "\\n")
end
"""
"""os.clock is the processor time of wrk itself, in seconds; all others are microseconds or counts."""


def _read(told: str) -> dict[str, float]:
    found = re.search(r"^figures: (.*)$", told, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk told nothing: {told}")
    requests, duration, errors, p50, p99, clock = map(float, found[1].split())
    if errors:
        raise SystemExit(f"{errors:.0f} of {requests:.0f} requests failed: {told}")
    seconds = duration / 1e6
    return {
        "per_second": round(requests / seconds, 1),
        "p50_ms": round(p50 / 1000, 2),
        "p99_ms": round(p99 / 1000, 2),
        "wrk_cores": round(clock / seconds, 2),
    }


def table(result: Result) -> str:
    """The Markdown table."""
    rows = ["| | target | queries a second | p50, p99 | cores: service, wrk |", "|---|---|---|---|---|"]
    loads = result.figures["loads"]
    for load in LOADS:
        if load.name in loads:
            one = loads[load.name]
            waits, cores = f"{one['p50_ms']}, {one['p99_ms']} ms", f"{one['service_cores']}, {one['wrk_cores']}"
            name = f"{load.name}, {load.connections} clients".replace(", 32 clients, 32 clients", ", 32 clients")
            rows.append(f"| {name} | {load.target} | {one['per_second']:,.0f} | {waits} | {cores} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
