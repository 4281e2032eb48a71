"""`index FOLDER --watch` as a user types it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_app.index.edge.store import EdgeStore
from tests import warm
from tests.adding.kills import _without_ids
from tests.adding.world import freshly_indexed, noise
from tests.conftest import search_app, started
from tests.watching.conftest import World, made, wait_for


@pytest.fixture
def world(tmp_path: Path) -> World:
    return made(tmp_path, EdgeStore(tmp_path / "storage", "images"))


@contextmanager
def watching(world: World, *more: str) -> Iterator[warm.Process]:
    """The command, from the moment on when it says that it watches."""
    home = world.folder.parent
    env = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": str(home / "storage")}
    process = started("search_app", "index", world.folder, "--watch", *more, cwd=home, env=env, log=home / "log")
    try:
        wait_for(lambda: "\nwatching " in f"\n{(home / 'log').read_text('utf-8')}" or process.poll() is not None)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.wait(60)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(world: World, how: signal.Signals) -> None:
    with watching(world) as process:
        world.put("5.png", 5)
        wait_for(lambda: "5.png" in world.ids())
        process.send_signal(how)
        out, _ = process.communicate(60)
        assert process.returncode == 0
        assert out.split("\n")[-2:] == ["stopped; what was reported as done is kept", ""]


def test_polling_finds_what_makes_no_events(world: World) -> None:
    with watching(world, "--poll"):
        world.put("5.png", 5)
        wait_for(lambda: "5.png" in world.ids())


def test_killed_in_a_burst_and_run_again_it_is_what_a_fresh_build_gives(world: World) -> None:
    with watching(world) as process:
        for number in range(10, 130):
            world.put(f"{number}.png", number)
            if number == 60:
                wait_for(lambda: len(world.ids()) > 4)
        process.kill()
        process.wait(60)
    before = world.ids()
    report = world.index()
    assert report.indexed == 124 - len(before)
    after = world.ids()
    assert {path: after[path] for path in before} == before
    assert _without_ids(world.held()) == _without_ids(freshly_indexed(world.folder))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pictures", "--poll"], "--poll says how --watch looks"),
        (["https://example.org/list.csv", "--watch"], "--watch follows"),
    ],
)
def test_what_cannot_be_watched_is_told(world: World, arguments: list[str], told: str) -> None:
    env = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": str(world.folder.parent / "storage")}
    done = search_app("index", *arguments, cwd=world.folder.parent, env=env)
    assert done.status == 2
    assert told in done.err
    assert noise(1) == (world.folder / "1.png").read_bytes()
