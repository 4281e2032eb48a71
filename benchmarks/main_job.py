"""`python -m benchmarks.main_job FOLDER`: the main job with `lite`, timed from outside as whole processes.

Index a folder, index it again, start the service and ask it; prints a table with the machine it ran on.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 8765
QUERIES = 200


def main() -> int:
    """Measure and print."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "sample" / "images").resolve()
    with tempfile.TemporaryDirectory() as home:
        first, whole = index(folder, home)
        _, again = index(folder, home)
        rows = [
            ("pictures indexed", f"{first['indexed']}"),
            ("index, pictures a second (decode included)", f"{float(str(first['images_per_second'])):.1f}"),
            ("index, whole process", f"{whole:.1f} s"),
            ("index again, whole process", f"{again:.2f} s"),
            *serve(home),
        ]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}")
    for name, value in rows:
        print(f"{name:<46} {value:>10}")
    return 0


def environment() -> dict[str, str]:
    """The product's settings for this run, nothing of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "QDRANT_"))}
    return {**kept, "SEARCH_MODEL": "lite", "PYTHONPATH": str(ROOT)}


def index(folder: Path, home: str) -> tuple[dict[str, object], float]:
    """Run `index`; gives its report and the seconds of the whole process."""
    report = Path(home) / "report.json"
    started = time.perf_counter()
    command = [sys.executable, "-m", "search_app", "index", str(folder), "--no-words", "--json", str(report)]
    subprocess.run(
        command, cwd=home, env=environment(), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return json.loads(report.read_text(encoding="utf-8")), time.perf_counter() - started


def serve(home: str) -> list[tuple[str, str]]:
    """Start the service; time to the first answer, then answers that are not cached, and memory."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "uvicorn", "search_app.main:app", "--port", str(PORT), "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=home, env=environment())
    try:
        while not answers("car"):
            time.sleep(0.02)
        first = time.perf_counter() - started
        times = []
        for number in range(QUERIES):
            began = time.perf_counter()
            answers(f"a+red+car+on+road+number+{number}")
            times.append(time.perf_counter() - began)
        memory = sum(resident(pid) for pid in (process.pid, *children(process.pid)))
    finally:
        process.terminate()
        process.wait()
    times.sort()
    return [
        ("service, start to first answer", f"{first:.2f} s"),
        ("answer, never asked before, median", f"{1000 * times[QUERIES // 2]:.1f} ms"),
        ("answer, never asked before, 99th percentile", f"{1000 * times[QUERIES * 99 // 100]:.1f} ms"),
        ("service and engine, resident", f"{memory / 2**20:.0f} MiB"),
    ]


def answers(query: str) -> bool:
    """Whether the service gives hits now."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/search?query={query}") as answer:
            return bool(json.load(answer))
    except (urllib.error.URLError, ConnectionError):
        return False


def children(pid: int) -> list[int]:
    """Direct child processes (Linux)."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def resident(pid: int) -> int:
    """Resident bytes of a process (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    raise SystemExit(main())
