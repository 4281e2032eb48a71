"""Which folder the one-shot container indexes: the mounted one, else the one known before, else the sample."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample" / "images"
TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def precompute(data: Path, *arguments: str, path: str = TOOLS) -> subprocess.CompletedProcess[str]:
    own = {"SEARCH_MODEL": "stub", "SEARCH_DATA_DIR": str(data), "SEARCH_INDEX_DIR": str(data.parent / "index")}
    rest = {"QDRANT_URL": "", "SEARCH_COLLECTION": "images", "SEARCH_WORDS": "off"}
    environment = os.environ | own | rest | {"PATH": path}
    return subprocess.run(
        ["sh", "docker/precompute.sh", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def some_pictures() -> list[Path]:
    return sorted(SAMPLE.rglob("*.jpg"))[:3]


def test_nothing_mounted_and_nothing_indexed_takes_the_sample_and_says_so(data: Path) -> None:
    (data / ".download").mkdir()
    (data / ".download" / "0.zip.part").touch()
    done = precompute(data)
    assert done.returncode == 0, done.stderr
    assert f"Nothing in {data}: indexing sample/images" in done.stdout
    assert f"{SAMPLE}: " in done.stdout


def test_what_is_mounted_is_indexed_and_options_are_handed_on(data: Path) -> None:
    for picture in some_pictures():
        shutil.copy(picture, data)
    done = precompute(data, "--rebuild")
    assert done.returncode == 0, done.stderr
    assert f"{data}: 3 embedded" in done.stdout


def test_a_lost_mount_changes_nothing(data: Path) -> None:
    for picture in some_pictures():
        shutil.copy(picture, data)
    assert precompute(data).returncode == 0
    for picture in data.iterdir():
        picture.unlink()
    lost = precompute(data)
    assert lost.returncode == 2
    assert f"Nothing in {data}: indexing {data}" in lost.stdout
    assert "Nothing was changed" in lost.stderr
    for picture in some_pictures():
        shutil.copy(picture, data)
    assert "0 embedded, 3 unchanged" in precompute(data).stdout


def test_a_program_that_cannot_start_is_not_taken_for_an_empty_collection(data: Path) -> None:
    tools = data.parent / "tools"
    tools.mkdir()
    for name in ("sh", "find"):
        (tools / name).symlink_to(shutil.which(name))
    done = precompute(data, path=str(tools))
    assert done.returncode not in {0, 2}
    assert "python" in done.stderr
    assert "sample" not in done.stdout
