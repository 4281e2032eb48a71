"""The benchmarks of indexing run, keep their figures and make their tables; how fast anything is, is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import decoding, indexing, results, unchanged

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "sample" / "images" / "cars"
MODULES = {"indexing": indexing, "decoding": decoding, "unchanged": unchanged}
FIRST_CELL = {"indexing": "| `lite`, pictures a second |", "decoding": "| Pillow |", "unchanged": "| second run over"}


@pytest.mark.parametrize("name", MODULES)
def test_a_quick_run_keeps_figures_and_prints_their_table(name: str, tmp_path: Path) -> None:
    pictures = [] if name == "unchanged" else [str(PICTURES)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, *pictures, "--quick", "--results", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = results.read(name, results=tmp_path)
    assert MODULES[name].table(result) == done.stdout.strip("\n")
    assert FIRST_CELL[name] in done.stdout
    assert str(ROOT) not in json.dumps(result.command)
    assert result.command.startswith(f"python -m benchmarks {name}")
