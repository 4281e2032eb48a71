"""The short form of `python -m tests.adding.kills`."""

from pathlib import Path

from tests.adding.kills import attack


def test_what_was_acknowledged_survives_kills(tmp_path: Path) -> None:
    truth = attack(tmp_path, count=2, seed=7)
    assert truth.acknowledged >= 6
