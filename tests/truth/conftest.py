"""A folder of pictures, indexed by a real exported model through the command, once for all tests."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from search_app.index.edge.store import EdgeStore
from search_app.search.service import SearchService
from search_app.settings import load_settings
from search_app.wiring import open_service
from tests.conftest import search_app
from tests.truth.made_model import make_model, write_pictures


@dataclass(frozen=True)
class World:
    """A working folder: `pictures`, the model in `model`, its index in `qdrant_storage`."""

    home: Path

    @property
    def model(self) -> str:
        return f"onnx:{self.home / 'model'}"

    @property
    def env(self) -> dict[str, str]:
        return {"SEARCH_MODEL": self.model}

    @property
    def store(self) -> EdgeStore:
        return EdgeStore(self.home / "qdrant_storage", "images")

    def open(self, **settings: object) -> SearchService:
        """The service as the product opens it."""
        given = {"model": self.model, "index_dir": self.home / "qdrant_storage", **settings}
        return open_service(load_settings(**given))


@pytest.fixture(scope="session")
def _first_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("truth")
    write_pictures(home / "pictures")
    shutil.copytree(home / "pictures", home / "untouched")
    make_model(home / "model", stuck=True)
    world = World(home)
    done = search_app("index", "pictures", cwd=home, env=world.env)
    assert done.status == 0, done.err
    return world


@pytest.fixture
def world(_first_world: World, tmp_path: Path) -> Iterator[World]:
    """A copy for one test alone, which may damage it; the pictures are those that were indexed, put back afterwards."""
    home = tmp_path / "world"
    shutil.copytree(_first_world.home, home, symlinks=True)
    shutil.rmtree(home / "pictures")
    (home / "pictures").symlink_to(_first_world.home / "pictures")
    yield World(home)
    shutil.rmtree(_first_world.home / "pictures", ignore_errors=True)
    shutil.copytree(_first_world.home / "untouched", _first_world.home / "pictures")


@pytest.fixture
def service(world: World) -> Iterator[SearchService]:
    opened = world.open()
    yield opened
    opened.close()
