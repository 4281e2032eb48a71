"""Schemathesis over the service: `python -m tests.hostile.clients --count 100000 --seed 1` is its long form.

Requests are made from the OpenAPI document, right ones and wrong ones, and sent to a real service over the bundled
sample. Nothing may be answered with a 500 or with anything that is not documented.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, SAMPLE, Service, search_app, start_service

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)
"""All that apply but one: what the document allows may still be refused for its sense, as an empty query is."""
_GENERATED = re.compile(r"(\d+) generated")


@dataclass(frozen=True)
class Attacked:
    """What came of one run."""

    status: int
    cases: int
    told: str


def attack(service: Service, *, examples: int, seed: int, limit: float) -> Attacked:
    """Run Schemathesis with at most so many made-up examples for each operation."""
    service.client.get("/openapi.json", timeout=120)  # made at the first request; Schemathesis waits ten seconds
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{service.url}/openapi.json"]
    options = ["--phases", "coverage,fuzzing", "--max-examples", str(examples), "--seed", str(seed)]
    options += ["--request-timeout", "60", "--checks", ",".join(CHECKS), "--continue-on-failure"]
    options += ["--warnings", "off", "--no-color"]
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.hostile.form_hooks"}
    done = subprocess.run(
        [*command, *options], cwd=ROOT, env=hooks, capture_output=True, text=True, timeout=limit, check=False
    )
    found = _GENERATED.search(done.stdout)
    return Attacked(done.returncode, int(found[1]) if found else 0, done.stdout)


def main() -> int:
    """Attack in rounds, each with the next seed, until there were as many cases as were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.clients", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="cases (default 100,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round has the next one")
    parser.add_argument("--minutes", type=float, default=600, help="begin no round after so long")
    parser.add_argument("--examples", type=int, default=100, help="of each operation in a round (default 100)")
    arguments = parser.parse_args()
    cases, seed, began = 0, arguments.seed, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        # A copy, as pictures are added and removed. `stub` encodes at once: what is attacked stands around the model.
        shutil.copytree(SAMPLE, home / "pictures")
        done = search_app("index", "pictures", cwd=home, env={"SEARCH_MODEL": "stub"})
        if done.status:
            raise SystemExit(done.err)
        service = start_service(home, {"SEARCH_MODEL": "stub", "SEARCH_WRITES": "on"}, limit=120)
        while cases < arguments.count and time.monotonic() - began < 60 * arguments.minutes:
            round_ = attack(service, examples=arguments.examples, seed=seed, limit=3600)
            cases += round_.cases
            took = time.monotonic() - began
            tell(f"seed {seed}: {round_.cases} cases, {cases} so far, {took:.0f} s")
            if round_.status:
                tell(round_.told[-12_000:])
                return 1
            seed += 1
        told = service.stop()
        if "Traceback" in told:
            tell(told[-12_000:])
            return 1
    tell(f"{cases} cases, no 500 and nothing that is not documented, {time.monotonic() - began:.0f} s")
    return 0


def tell(text: str) -> None:
    """Say it now: a run takes long."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
