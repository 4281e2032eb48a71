"""A picture whose decoding kills the process ends one run, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from search_app.ingest.in_flight import KILLED, InFlight
from tests.conftest import clean_environment
from tests.ingest.ray_encoder import KILLS_DECODING

ODD_NAME = 'deadly "\n\u00fc.png'


def index(home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.ingest.killed_decoder"]
    places = [str(home / name) for name in ("pictures", "index", "notes.log")]
    return subprocess.run(
        [*command, *places], env=clean_environment(), capture_output=True, text=True, timeout=240, check=False
    )


def draw(path: Path, colour: tuple[int, int, int]) -> None:
    Image.new("RGB", (40, 30), colour).save(path)


@pytest.mark.parametrize("name", ["deadly.png", ODD_NAME], ids=["plain", "odd"])
def test_it_is_left_out_by_the_next_run_and_taken_when_it_has_changed(tmp_path: Path, name: str) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(5):
        draw(pictures / f"{number}.png", (number, 0, 200))
    draw(pictures / name, KILLS_DECODING)
    assert index(tmp_path).returncode < 0, "it dies"
    for run in ("the first after it", "and each one more"):
        done = index(tmp_path)
        assert (done.returncode, run, done.stderr) == (0, run, "")
        assert KILLED in done.stdout
        assert done.stdout.endswith("5 held\n")
    draw(pictures / name, (1, 2, 3))
    assert index(tmp_path).stdout == "1 indexed, 6 held\n"
    assert not (tmp_path / "notes.log").exists()


def test_a_run_that_ends_well_or_with_an_error_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    notes = InFlight(path)
    with pytest.raises(KeyError), notes.working_on("a"):
        {}["b"]
    assert path.exists()
    notes.close()
    assert not path.exists()


def test_what_was_begun_is_suspected_until_it_is_cleared(tmp_path: Path) -> None:
    path = tmp_path / "notes.log"
    path.write_text('+"a"\n+"b"\n-"a"\n+"c"\n+"torn', "ascii")
    for _ in range(2):  # a run that dies before it has come to them keeps them
        notes = InFlight(path)
        assert notes.suspects == {"b", "c"}
    notes.clear("b")
    notes.close()
    assert InFlight(path).suspects == {"c"}


def test_where_nothing_can_be_noted_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes = InFlight(tmp_path / "file" / "notes.log")
    with notes.working_on("a"):
        assert notes.suspects == set()
    notes.close()
