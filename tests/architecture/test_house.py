"""The tree is the architecture, and these tools keep it so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
MODULES = sorted((ROOT / "search_app").rglob("*.py"))
HEAVY = (
    "torch",
    "open_clip",
    "onnxruntime",
    "tokenizers",
    "qdrant_client",
    "qdrant_edge",
    "matplotlib",
    "rapidocr",
    "watchfiles",
    "pyarrow",
    "prometheus_client",
    "opentelemetry.sdk",
    "cv2",
    "fsspec",
    "ray",
    "httpx",  # not heavy, and only where pictures are fetched by their address
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("lint-imports", "--no-cache"),
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--no-cache", "--check", "."),
        ("mypy",),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_checks_pass(command: tuple[str, ...]) -> None:
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("module", ["search_app.main", "search_app.cli.program", "search_app.wiring"])
def test_importing_a_door_loads_nothing_heavy(module: str) -> None:
    """And the collector is at work, but does not look through what the door of the service has imported."""
    heavy = f"*(m for m in {HEAVY!r} if m in sys.modules)"
    code = f"import gc, sys, {module}; print(gc.isenabled(), gc.get_freeze_count() > 100_000, {heavy})"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", str(module == "search_app.main")]


def test_modules_are_of_a_size_one_can_hold_in_mind() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in MODULES}
    vocabulary = "search_app/datatypes.py"  # values and no code: in two modules, each would have to be looked for twice
    assert {name: count for name, count in lines.items() if count > 250 and name != vocabulary} == {}


def test_nothing_is_named_after_nothing() -> None:
    nameless = {"utils.py", "helpers.py", "common.py", "misc.py"}
    assert [str(path) for path in MODULES if path.name in nameless] == []


def test_no_path_of_a_machine_is_in_the_project() -> None:
    listed = run("git", "ls-files", "-z").stdout.split("\0")
    suffixes = (".py", ".md", ".sh", ".toml", ".txt", ".yml", ".ipynb")
    texts = {name: (ROOT / name).read_text("utf-8", "replace") for name in listed if name.endswith(suffixes)}
    pattern = re.compile(
        r"(?<![A-Za-z0-9_.])/(?:work|root|home/(?!search/)[a-z]+)/"
    )  # search: the user in the container
    assert [name for name, text in texts.items() if pattern.search(text)] == []


def test_the_drawing_names_every_room() -> None:
    drawing = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.name for path in (ROOT / "search_app").iterdir() if path.is_dir() and not path.name.startswith("_")}
    rooms |= {path.name for path in (ROOT / "search_app").glob("*.py") if path.name != "__init__.py"}
    assert [room for room in sorted(rooms) if room not in drawing] == []
