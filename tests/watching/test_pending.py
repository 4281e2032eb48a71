"""When what was touched has come to rest; the clock is the test's."""

from pathlib import Path

import pytest

from search_app.ingest.watching.pending import AGAIN_S, GATHERED_S, GONE_S, QUIET_S, Pending

SOON = 0.01


@pytest.fixture
def pending(tmp_path: Path) -> Pending:
    (tmp_path / "written.png").write_bytes(b"1")
    (tmp_path / "growing.png").write_bytes(b"1")
    return Pending(tmp_path)


def test_a_file_is_taken_once_and_when_it_is_quiet(pending: Pending) -> None:
    pending.touch(["written.png"], 100.0)
    assert pending.taken(100.0 + QUIET_S - SOON) == set()
    assert "written.png" in pending
    assert pending.taken(100.0 + QUIET_S) == {"written.png"}
    assert not pending


def test_a_file_that_grows_is_waited_for(pending: Pending, tmp_path: Path) -> None:
    pending.touch(["growing.png"], 100.0)
    (tmp_path / "growing.png").write_bytes(b"12")
    assert pending.taken(101.0) == set()
    assert pending.taken(101.0 + QUIET_S) == {"growing.png"}


def test_what_is_at_rest_waits_for_the_rest_but_not_for_ever(pending: Pending, tmp_path: Path) -> None:
    pending.touch(["written.png", "gone.png", "growing.png"], 100.0)
    taken, now = {}, 100.0
    while len(taken) < 2:
        now += QUIET_S / 2
        (tmp_path / "growing.png").write_bytes(b"1" * int(100 * now))
        taken |= dict.fromkeys(pending.taken(now), now)
    assert taken["written.png"] == pytest.approx(100.0 + GATHERED_S, abs=QUIET_S)
    assert taken["gone.png"] == pytest.approx(100.0 + GONE_S, abs=QUIET_S)
    assert "growing.png" in pending


def test_a_folder_stands_for_what_is_in_it_and_is_looked_at_again(pending: Pending, tmp_path: Path) -> None:
    (tmp_path / "new" / ".hidden").mkdir(parents=True)
    (tmp_path / "new" / ".hidden" / "x.png").write_bytes(b"1")
    (tmp_path / "new" / "a.png").write_bytes(b"1")
    pending.touch(["new"], 100.0)
    assert pending.taken(100.0 + QUIET_S) == {"new", "new/a.png"}
    (tmp_path / "new" / "b.png").write_bytes(b"1")  # before the system watched the folder
    assert pending.taken(100.0 + AGAIN_S - SOON) == set()
    pending.taken(100.0 + AGAIN_S)
    assert pending.taken(100.0 + AGAIN_S + QUIET_S) == {"new/a.png", "new/b.png"}
