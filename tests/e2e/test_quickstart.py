"""`./quickstart.sh` on a clean copy of the project, as a newcomer runs it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, SAMPLE, clean_environment, free_port

THEMES = ("sample/images/cars/", "sample/images/drinks/", "sample/images/pets/")
"""Of the sample, enough to be found among."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git would check out but most of the sample, with the virtual environment of this run."""
    target = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        is_left = not name.startswith("sample/images/") or name.startswith(THEMES)
        if is_left and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(Path(sys.prefix))
    return target


def count(clone: Path) -> int:
    """Pictures of the sample in it."""
    return sum(path.is_file() for path in (clone / "sample" / "images").rglob("*"))


def quickstart(clone: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    # A hub that refuses at once: the choice of the model must not depend on the network of whoever runs the tests.
    environment = {**clean_environment(**env), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(clone / "no-cache")}
    environment.pop("PYTHONPATH")
    return subprocess.run(
        ["./quickstart.sh", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )


def test_without_a_hub_it_takes_lite_says_so_and_indexes_the_sample(clone: Path) -> None:
    done = quickstart(clone, "--no-serve")
    assert done.returncode == 0, done.stderr
    assert "Model: lite" in done.stdout
    assert "SEARCH_MODEL=ViT-B-32/openai" in done.stdout, "the line that switches later"
    assert "curl 'http://localhost:8000/search?query=car'" in done.stdout
    assert "SEARCH_MODEL=lite" in (clone / ".env").read_text()


def test_a_second_time_embeds_nothing_and_keeps_the_choice(clone: Path) -> None:
    before = (clone / ".env").read_text()
    done = quickstart(clone, "--no-serve")
    assert done.returncode == 0, done.stderr
    assert "0 embedded" in done.stdout
    assert (clone / ".env").read_text() == before


def test_the_line_it_printed_for_another_model_is_one_it_understands(clone: Path) -> None:
    done = quickstart(clone, "--no-serve", "--rebuild")
    assert done.returncode == 0, done.stderr
    assert f"{count(clone)} embedded" in done.stdout


def test_it_serves_on_port(clone: Path) -> None:
    port = free_port()
    environment = {**clean_environment(PORT=str(port)), "HF_ENDPOINT": "http://127.0.0.1:9"}
    process = subprocess.Popen(["./quickstart.sh"], cwd=clone, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                answer = httpx.get(f"http://localhost:{port}/search/?query=car", timeout=60)
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert [set(hit) for hit in answer.json()] == [{"id", "score"}] * 5
    finally:
        process.terminate()
        process.wait(30)


def test_words_are_read_beside_the_service_and_end_with_it(clone: Path, tmp_path: Path) -> None:
    mine = tmp_path / "pictures"
    shutil.copytree(SAMPLE / "cars", mine)
    index_dir = tmp_path / "index"
    port = free_port()
    environment = clean_environment(
        SEARCH_MODEL="lite", SEARCH_WORDS="on", SEARCH_INDEX_DIR=str(index_dir), PORT=str(port)
    )
    process = subprocess.Popen(["./quickstart.sh", str(mine)], cwd=clone, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_answering(port), process)
        wait_for((index_dir / "words.sqlite").exists, process)
        assert reads_words(mine)
    finally:
        process.terminate()
        process.wait(30)
    wait_for(lambda: not reads_words(mine))
    assert "which are searchable already" in (index_dir / "words.log").read_text("utf-8")


def is_answering(port: int) -> bool:
    try:
        return len(httpx.get(f"http://localhost:{port}/search?query=car", timeout=60).json()) == 5
    except httpx.TransportError:
        return False


def reads_words(folder: Path) -> bool:
    """Whether a process of the second pass over this folder lives."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return any("search_app index" in line and str(folder) in line for line in listed.splitlines())


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process is None or process.poll() is None
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def test_a_folder_takes_the_place_of_the_sample_and_is_remembered(clone: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my pictures"
    mine.mkdir()
    for path in sorted((SAMPLE / "pets").iterdir())[:2]:
        shutil.copy(path, mine)
    # The two are known by their bytes: nothing is embedded again.
    told = f"0 embedded, 0 unchanged, 2 renamed, {count(clone) - 2} removed"
    assert told in quickstart(clone, "--no-serve", str(mine)).stdout
    again = quickstart(clone, "--no-serve").stdout
    assert "0 embedded, 2 unchanged" in again, again


@pytest.mark.parametrize("arguments", [["--wrong"], ["no/such/folder"], ["one", "two"]])
def test_wrong_use_ends_with_2_before_anything_is_done(clone: Path, arguments: list[str]) -> None:
    done = quickstart(clone, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("quickstart: ")


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    environment = {**os.environ, "PATH": str(clone / "nothing"), "PYTHON": "no-python"}
    done = subprocess.run(
        ["/bin/bash", "./quickstart.sh"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
