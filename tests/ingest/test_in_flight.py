"""A picture that kills the process that decodes it, or reads its words, ends one run and no other."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from search_app.ingest import words_noted
from search_app.ingest.engine import KILLED
from search_app.ingest.in_flight import InFlight
from tests.conftest import clean_environment
from tests.ingest.ray_encoder import KILLS_DECODING, KILLS_READING

ODD_NAME = 'deadly "\n\u00fc.png'


def index(home: Path, victim: str = "killed_decoder") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"tests.ingest.{victim}"]
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


def test_one_whose_words_kill_the_reader_stays_searchable_and_is_not_read_again(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        draw(pictures / f"{number}.png", (number, 0, 200))
    draw(pictures / "deadly.png", KILLS_READING)
    assert index(tmp_path, "killed_reader").returncode < 0, "it dies"
    done = index(tmp_path, "killed_reader")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"'deadly.png': {words_noted.KILLED}\n" in done.stdout
    # Those that were read before it died were kept, so the two runs together have read four.
    assert done.stdout.endswith("4 read, 4 with words\n")
    draw(pictures / "deadly.png", (1, 2, 3))
    assert index(tmp_path, "killed_reader").stdout == "1 read, 5 with words\n"
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
