"""The service at twice the rate it can keep up with: some is answered in time, the rest is turned away at once.

Requests begin at the times of a Poisson process, whether or not those before them are answered ("open loop"), and their
time runs from then on. The rate the service can keep up with is measured first, with as many clients as searches run at
once; four fifths of it are what is called normal. No query is asked twice. The load comes from this same machine.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from benchmarks.speed import made_up
from benchmarks.speed.options import add_home, parser_of, resolve_home
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.services import Running, ours, serving
from search_app.api.app import SEARCHES_AT_ONCE
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.minilm import MiniLmSentences

COUNT = 4_000
NORMAL, TOO_MUCH = 0.8, 2.0
"""Of the rate the service can keep up with."""
KINDS = ("GET", "POST")
_MORE_ONCE = 100
_marks = count()


@dataclass
class Asked:
    """What came of some requests; milliseconds."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def figures(self, seconds: float) -> dict[str, Any]:
        """The same in figures."""
        whole = len(self.answered) + len(self.refused)
        return {
            "asked_per_second": round(whole / seconds, 1),
            "answered_per_second": round(len(self.answered) / seconds, 1),
            "refused": round(len(self.refused) / max(whole, 1), 3),
            **{f"answered_p{at}_ms": _percentile(self.answered, at) for at in (50, 99)},
            **{f"refused_p{at}_ms": _percentile(self.refused, at) for at in (50, 99)},
        }


@dataclass
class Asker:
    """Asks over connections that are kept: one that is free, else a new one."""

    port: int
    kind: str
    asked: Asked = field(default_factory=Asked)
    _free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def ask(self, since: float) -> None:
        """Ask something new; raises `SystemExit` where the answer is neither 200 nor a 503 that says when to return."""
        pair = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = pair
        writer.write(self._request())
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(fields["content-length"]))
        took = 1000 * (time.perf_counter() - since)
        match lines[0].split()[1]:
            case "200":
                self.asked.answered.append(took)
            case "503" if "retry-after" in fields:
                self.asked.refused.append(took)
            case _:
                raise SystemExit(f"{lines[0]}: {body[:300]!r}")
        self._free.append(pair)

    async def close(self) -> None:
        """Give the connections back."""
        for _, writer in self._free:
            writer.close()
            await writer.wait_closed()

    def _request(self) -> bytes:
        number = next(_marks)
        query = f"{made_up.sentence(number)} {number}"
        if self.kind == "GET":
            return f"GET /search?{urlencode({'query': query})} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        body = json.dumps({"query": query})
        head = (
            f"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        return f"{head}\r\n\r\n{body}".encode()


async def keeping_up(port: int, kind: str, seconds: float) -> dict[str, Any]:
    """The rate of as many clients as searches run at once, each asking when it was answered."""
    asker, end = Asker(port, kind), time.perf_counter() + seconds

    async def client() -> None:
        while (now := time.perf_counter()) < end:
            await asker.ask(now)

    async with asyncio.TaskGroup() as clients:
        for _ in range(SEARCHES_AT_ONCE):
            clients.create_task(client())
    await asker.close()
    return asker.asked.figures(seconds)


async def offered(port: int, kind: str, rate: float, seconds: float) -> dict[str, Any]:
    """What comes of requests that begin at a rate, `seconds` long."""
    asker, draw = Asker(port, kind), random.Random(0)  # noqa: S311  # times, no secrets
    begin = due = time.perf_counter()
    async with asyncio.TaskGroup() as requests:
        while due < begin + seconds:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            requests.create_task(asker.ask(due))
            due += draw.expovariate(rate)
    await asker.close()
    return asker.asked.figures(seconds)


def measured(service: Running, kind: str, seconds: float) -> dict[str, Any]:
    """All three for one kind of request."""
    note(f"{kind} /search")
    able = asyncio.run(keeping_up(service.port, kind, seconds))
    rate = able["answered_per_second"]
    normal = asyncio.run(offered(service.port, kind, NORMAL * rate, seconds))
    over = asyncio.run(offered(service.port, kind, TOO_MUCH * rate, seconds))
    times = round(over["answered_p99_ms"] / normal["answered_p99_ms"], 2)
    return {"keeping_up": able, "normal": normal, "over": over, "p99_times": times}


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("overload", results=arguments.results)
    size, seconds = (made_up.FEW, 0.5) if arguments.quick else (arguments.count, arguments.seconds)
    with contextlib.ExitStack() as stack:
        folder = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = folder / "lite"
        made_up.make(home, LiteEncoder(), size, MiniLmSentences())
        settings = {"SEARCH_MODEL": "lite", "SEARCH_MAX_WAITING": str(arguments.waiting)}
        service = stack.enter_context(serving(ours(), home, **settings))
        client = service.client()
        for number in range(_MORE_ONCE):
            client.post(f"{made_up.sentence(number)} to begin with")
        kinds = {kind: measured(service, kind, seconds) for kind in KINDS}
    figures = {"count": size, "seconds": seconds, "waiting": arguments.waiting, "kinds": kinds}
    result = bench.write(figures, arguments.command)
    sys.stdout.write(table(result) + "\n\n" + result.where + "\n")


def _arguments() -> argparse.Namespace:
    parser = parser_of("overload", __doc__)
    add_home(parser)
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures in the collection (default {COUNT})")
    parser.add_argument("--seconds", type=float, default=20, help="of each load (default 20)")
    parser.add_argument("--waiting", type=int, default=0, help="SEARCH_MAX_WAITING (default 0: as it is by default)")
    arguments = parser.parse_args()
    given = resolve_home(arguments)
    given += f" --waiting {arguments.waiting}" if arguments.waiting else ""
    arguments.command = f"python -m benchmarks overload{given}{' --quick' if arguments.quick else ''}"
    return arguments


def _percentile(values: list[float], at: int) -> float:
    return round(float(np.percentile(values, at)), 1) if values else 0.0


def table(result: Result) -> str:
    """The Markdown table."""
    rows = [
        "| | asked a second | answered a second | turned away | answered: p50, p99 | turned away: p50, p99 |",
        "|---|---|---|---|---|---|",
    ]
    names = {"keeping_up": "keeps up with", "normal": "normal, 80 % of it", "over": "twice of it"}
    for kind, found in result.figures["kinds"].items():
        for load, name in names.items():
            one = found[load]
            waits = [f"{one[f'{what}_p50_ms']}, {one[f'{what}_p99_ms']} ms" for what in ("answered", "refused")]
            rates = f"{one['asked_per_second']} | {one['answered_per_second']} | {one['refused']:.0%}"
            rows.append(f"| `{kind} /search`: {name} | {rates} | {waits[0]} | {waits[1]} |")
        rows.append(f"| p99 of what is answered, over to normal (target < 3) | | | | {found['p99_times']} times | |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
