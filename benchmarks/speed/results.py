"""What a benchmark measured, kept as JSON beside the machine, the versions and the command that made it."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    *("torch", "open-clip-torch", "onnxruntime", "openvino", "qdrant-edge-py", "qdrant-client", "pillow", "numpy"),
    *("fastapi", "uvicorn", "rapidocr"),
)
FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_tile", "asimd")


@dataclass(frozen=True)
class Result:
    """Figures of one benchmark. `figures` is free in form: what its own table is made of."""

    name: str
    command: str
    figures: dict[str, Any]
    made: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The line under a table: machine, load, day and command."""
        machine = self.machine
        load = f"load {machine['load_before']:.1f} at the start"
        features = ", ".join(machine["features"])
        return f"{machine['cores']} cores, {machine['cpu']} ({features}), {load}, {self.made}: `{self.command}`"


def described_machine() -> dict[str, Any]:
    """Processor, cores, memory and how busy it is; nothing that names the machine."""
    cpu, flags = _processor()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu,
        "features": [name for name in FEATURES if name in flags],
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def _processor() -> tuple[str, set[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine(), set()
    known = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    facts = {name.strip(): value.strip() for name, value in known.items()}
    return facts.get("model name", platform.machine()), set(facts.get("flags", facts.get("Features", "")).split())


def versions() -> dict[str, str]:
    """Of the packages that matter for speed, those that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class Bench:
    """Notes the machine before the work begins, and writes the result afterwards."""

    def __init__(self, name: str, *, results: Path = RESULTS) -> None:
        self.name, self._results = name, results
        self._machine = described_machine()

    def write(self, figures: dict[str, Any], command: str) -> Result:
        """Keep figures as `NAME.json`."""
        day = datetime.now(UTC).date().isoformat()
        result = Result(self.name, command, figures, day, self._machine, versions())
        self._results.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(result), indent=1, sort_keys=True) + "\n"
        (self._results / f"{self.name}.json").write_text(text, encoding="utf-8")
        return result


def read(name: str, *, results: Path = RESULTS) -> Result:
    """A kept result; raises `FileNotFoundError` where the benchmark was never run."""
    return Result(**json.loads((results / f"{name}.json").read_text("utf-8")))


def note(text: str) -> None:
    """Progress, on stderr: the figures go to stdout."""
    print(text, file=sys.stderr, flush=True)
