"""The worlds that hosting is tested in."""

from pathlib import Path

import pytest

from tests.hosting.world import WORLDS, World
from tests.index.conftest import LOCAL_MODE_WARNINGS


@pytest.fixture(params=["edge", pytest.param("server", marks=LOCAL_MODE_WARNINGS)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """`images` made by the model `first`, `images-v2` made by `second`; the same ids in both."""
    made = WORLDS[request.param](tmp_path)
    made.fill("images", "first")
    made.fill("images-v2", "second")
    return made
