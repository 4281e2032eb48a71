"""Kill -9 at any moment of a switch or a drop: all of it was done or nothing, and it can be done again."""

import itertools
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from search_app.errors import NotFound
from search_app.index.base import IndexStore
from search_app.index.catalogue import Catalogue
from search_app.index.edge.catalogue import edge_catalogue
from search_app.index.edge.store import EdgeStore
from search_app.index.server.catalogue import server_catalogue
from search_app.index.server.store import ServerStore
from tests.chaos import switching
from tests.chaos.switching import ALIAS, NEW, OLD
from tests.containers.qdrant_stand_in import serving
from tests.faults.proxy import Asked, faulty_proxy
from tests.index.conftest import LOCAL_MODE_WARNINGS
from tests.index.points import FOLDER, SPEC, points

pytestmark = LOCAL_MODE_WARNINGS

HELD = {OLD: 3, NEW: 5}
WHATS = ("switch", "drop")
_LONGEST_S = 120.0
_EVERY = 7
"""Of the requests to a server every seventh one is the last, before it arrives or after."""


@pytest.fixture(scope="module")
def start() -> Callable[..., BaseProcess]:
    """Starts a change in a process of its own."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.chaos.switching"])

    def begin(run: Callable[..., None], *arguments: object) -> BaseProcess:
        process = processes.Process(target=run, args=arguments)
        process.start()
        return process

    return begin


def fill(store: IndexStore, name: str) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, HELD[name] + 1)))
        writer.commit()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both collections, to be copied."""
    home = tmp_path_factory.mktemp("made")
    for name in HELD:
        fill(EdgeStore(home, name), name)
    return home


def prepare(catalogue: Catalogue, make: Callable[[str], object]) -> None:
    """Both collections, and the alias at the old one."""
    for name in HELD:
        if name not in catalogue.collections():
            make(name)
    if catalogue.resolve(ALIAS) != OLD:
        catalogue.switch(ALIAS, OLD)


def require_whole(catalogue: Catalogue, what: str) -> None:
    """All of it was done or nothing, and what was not done can be done: a switch opens what it leads to."""
    state = (catalogue.resolve(ALIAS), catalogue.collections())
    before, after = (OLD, [OLD, NEW]), (NEW, [OLD, NEW]) if what == "switch" else (OLD, [OLD])
    assert state in (before, after)
    for name in state[1]:
        manifest = catalogue.facts(name).manifest
        assert manifest is not None
        assert manifest.count == HELD[name]
    if state == before:
        switching.change(catalogue, what)
    assert (catalogue.resolve(ALIAS), catalogue.collections()) == after


@pytest.mark.parametrize("what", WHATS)
def test_in_a_folder(tmp_path: Path, made: Path, start: Callable[..., BaseProcess], what: str) -> None:
    def make(name: str) -> None:
        shutil.copytree(made / name, tmp_path / name)

    catalogue = edge_catalogue(tmp_path)
    for moment in itertools.count(1, 2 if what == "drop" else 1):
        prepare(catalogue, make)
        victim = start(switching.in_folder, tmp_path, what, moment)
        victim.join(_LONGEST_S)
        require_whole(catalogue, what)
        if victim.exitcode == 0:
            break
        assert victim.exitcode == -signal.SIGKILL
    assert moment > 3
    if what == "drop":
        assert not list(tmp_path.glob("_trash-*"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.mark.parametrize("what", WHATS)
def test_on_a_server(url: str, start: Callable[..., BaseProcess], what: str) -> None:
    def make(name: str) -> None:
        fill(ServerStore(url, name), name)

    with closing(server_catalogue(url)) as catalogue:
        for moment in itertools.count(WHATS.index(what), _EVERY):
            prepare(catalogue, make)
            victims: list[BaseProcess] = []

            def fault(asked: Asked, moment: int = moment, victims: list[BaseProcess] = victims) -> str:
                if asked.number != moment:
                    return "pass"
                assert victims[0].pid is not None
                os.kill(victims[0].pid, signal.SIGKILL)
                return "lose" if moment // _EVERY % 2 else "drop"

            with faulty_proxy(url, fault) as proxy:
                victims.append(start(switching.on_server, proxy.url, what))
                victims[0].join(_LONGEST_S)
            require_whole(catalogue, what)
            if victims[0].exitcode == 0:
                break
            assert victims[0].exitcode == -signal.SIGKILL
    assert moment > _EVERY


def test_what_a_killed_drop_left_is_swept_away_by_the_next(tmp_path: Path, made: Path) -> None:
    shutil.copytree(made / OLD, tmp_path / "_trash-v1-1-1")
    shutil.copytree(made / NEW, tmp_path / NEW)
    catalogue = edge_catalogue(tmp_path)
    assert catalogue.collections() == [NEW]
    catalogue.drop(NEW)
    assert {entry.name for entry in tmp_path.iterdir()} == {"_aliases.lock"}
    with pytest.raises(NotFound):
        catalogue.drop(NEW)
