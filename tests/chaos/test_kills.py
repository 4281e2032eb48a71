"""The short form of `tests.chaos.kills`: kill -9 at any moment of an index run loses nothing."""

import random
from pathlib import Path

import pytest

from search_app.encoders.stub import StubEncoder
from tests.chaos.hunting import Hunt
from tests.chaos.victims import Command, Prey


@pytest.mark.parametrize(("seed", "count"), [(20240229, 4)])
def test_runs_killed_again_and_again_end_like_runs_that_never_were(tmp_path: Path, seed: int, count: int) -> None:
    hunt = Hunt(tmp_path, random.Random(seed), Prey(tmp_path))
    while hunt.kills.total() < count:
        hunt.round(most=6)
    hunt.compare_with_a_fresh_build()


def test_the_command_killed_as_a_user_would_kill_it(tmp_path: Path) -> None:
    hunt = Hunt(tmp_path, random.Random(7), Command(tmp_path, "stub", StubEncoder()))
    hunt.folder.live(8)
    wanted = hunt.twin.follow(hunt.folder.path)
    hunt.kill(wanted, "group", 0, after=0.5)
    hunt.finish()
    hunt.compare()
    assert hunt.kills["group"] == 1
