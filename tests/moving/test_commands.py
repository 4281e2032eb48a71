"""The commands as they are typed, with a service that answers meanwhile, a server over HTTP, and a kill half way."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_app.index.edge.store import EdgeStore
from tests.chaos.small_disk import small_disk
from tests.conftest import ROOT, SAMPLE, Done, Service, clean_environment, made_once, search_app, start_service
from tests.containers.qdrant_stand_in import serving
from tests.moving.places import forms, held, point

LITE = {"SEARCH_MODEL": "stub"}
PATIENCE_S = 60.0


def index_drinks(home: Path) -> None:
    done = search_app("index", SAMPLE / "drinks", cwd=home, env=LITE)
    assert done.status == 0, done.err


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small collection called `images`."""
    made = made_once(tmp_path_factory, "indexed_drinks", index_drinks)
    subprocess.run(["cp", "-r", f"{made}/.", tmp_path], check=True)
    return tmp_path


@contextmanager
def asked_all_the_time(service: Service) -> Iterator[list[int]]:
    """Searches a moment apart, or they would cost more than what they are to see through; their statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            answer = service.client.get("/search", params={"query": f"red {len(statuses)}"})
            statuses.append(answer.status_code if answer.json() else 0)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield statuses
        until(lambda: bool(statuses))
    finally:
        over.set()
        asking.join()


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.01)


def run(home: Path, *arguments: object, **env: str) -> Done:
    return search_app(*arguments, cwd=home, env={**LITE, **env})


def done(home: Path, *arguments: object, **env: str) -> str:
    finished = run(home, *arguments, **env)
    assert finished.status == 0, finished.err
    return finished.out


def test_to_a_server_and_back_while_the_service_answers(home: Path) -> None:
    """Also a snapshot of the one, restored beside it, and one of the server."""
    service = start_service(home, LITE)
    try:
        with serving() as url, asked_all_the_time(service) as statuses:
            there = done(home, "migrate", "--from", "edge:qdrant_storage", "--to", f"{url}#moved")
            assert "#moved holds" in there
            back = done(home, "migrate", "--from", f"{url}#moved", "--to", "edge:other#back")
            done(home, "snapshot", "--out", "edge.tar")
            done(home, "snapshot", "--out", "server.tar", "--collection", "moved", QDRANT_URL=url)
            done(home, "restore", "edge.tar", "--into", "restored")
            again = done(home, "restore", "server.tar", "--into", "again", "--folder", "/new/place", QDRANT_URL=url)
            assert "pictures lie in /new/place" in again
        assert set(statuses) == {200}
    finally:
        service.stop()
    was, points = held(EdgeStore(home / "qdrant_storage", "images"))
    for index_dir, name in (("other", "back"), ("qdrant_storage", "restored")):
        manifest, arrived = held(EdgeStore(home / index_dir, name))
        assert (manifest.count, manifest.next_id, manifest.folder) == (was.count, was.next_id, was.folder)
        if name == "restored":
            assert forms(arrived) == forms(points)
    assert f"{was.count} copied" in back


def test_what_cannot_be_done_is_said_and_changes_nothing(home: Path) -> None:
    taken = run(home, "migrate", "--from", "edge:qdrant_storage", "--to", "edge:qdrant_storage#images")
    assert (taken.status, "is the place on both sides" in taken.err) == (2, True)
    nowhere = run(home, "migrate", "--from", "elsewhere", "--to", "edge:x")
    assert (nowhere.status, "edge:FOLDER[#COLLECTION] or URL[#COLLECTION] is needed" in nowhere.err) == (2, True)
    done(home, "snapshot", "--out", "a.tar")
    there = run(home, "restore", "a.tar")
    assert (there.status, "is there already and holds" in there.err) == (2, True)
    assert "copied" in done(home, "restore", "a.tar", "--replace")
    cut = home / "cut.tar"
    cut.write_bytes((home / "a.tar").read_bytes()[:3000])
    refused = run(home, "restore", "cut.tar", "--into", "cut")
    assert (refused.status, (home / "qdrant_storage" / "cut").exists()) == (2, False)


def test_the_key_of_one_server_is_not_told_to_another(home: Path) -> None:
    from search_app.cli.places import settings_at
    from search_app.settings import load_settings

    assert load_settings().qdrant_api_key == ""
    os.environ.update(QDRANT_URL="http://one:6333", QDRANT_API_KEY="secret-of-one")
    try:
        (home / "key").write_text("secret-of-two\n")
        assert settings_at("http://one:6333/#x").qdrant_api_key == "secret-of-one"
        assert settings_at("http://two:6333#x").qdrant_api_key == ""
        assert settings_at("http://two:6333#x", home / "key").qdrant_api_key == "secret-of-two"
        assert settings_at("edge:here#x").qdrant_url == ""
    finally:
        for name in ("QDRANT_URL", "QDRANT_API_KEY"):
            del os.environ[name]


STALLS = """
import sys, threading
from pathlib import Path
from search_app.index.edge.store import EdgeStore
from search_app.moving.move import move
from tests.moving.places import fill, quiet, point
from search_app.index.memory.store import MemoryStore

home = Path(sys.argv[1])
source = MemoryStore("images")
fill(source, [point(number) for number in range(1, 1501)])
with source.reader().pinned() as pinned:
    class Stalls:
        manifest = pinned.manifest
        def points(self, after=0):
            for one in pinned.points(after):
                if one.id == 1201:
                    (home / "stalled").touch()
                    threading.Event().wait()
                yield one
    move(Stalls(), EdgeStore(home / "storage", "there"), quiet)
"""


def test_a_move_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    from search_app.index.memory.store import MemoryStore
    from search_app.moving.move import move
    from tests.moving.places import fill, quiet

    killed = subprocess.Popen([sys.executable, "-c", STALLS, str(tmp_path)], cwd=ROOT, env=clean_environment())
    until((tmp_path / "stalled").exists)
    target = EdgeStore(tmp_path / "storage", "there")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    source = MemoryStore("images")
    fill(source, [point(number) for number in range(1, 1501)])
    with source.reader().pinned() as pinned:
        moved = move(pinned, target, quiet)
    assert moved.kept in {500, 1000}  # what was on its way to the engine may have come there
    assert moved.written == 1500 - moved.kept
    assert held(target)[0].count == 1500


def test_a_full_disk_is_told_and_what_is_there_stays(home: Path) -> None:
    with small_disk(home / "small", 260) as disk:
        (disk.outside / "filler").write_bytes(b"x" * 200 * 1024**2)
        script = "import sys; from search_app.cli.program import main; sys.exit(main(sys.argv[1:]))"
        source, target = f"edge:{home / 'qdrant_storage'}", f"edge:{disk.place}/there"
        full = disk.run(script, "migrate", "--from", source, "--to", target)
        assert (full.returncode, "MB free" in full.stderr) == (2, True), full.stderr


def test_the_commands_say_what_to_install(home: Path) -> None:
    # Where it is started is looked at first.
    (home / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')\n")
    lacking = run(home, "snapshot", "--out", "a.tar")
    assert (lacking.status, "pip install -r requirements-scale.txt" in lacking.err) == (2, True), lacking.err
    assert not list(home.glob("a.tar*"))


def test_vectors_go_out_and_come_in(home: Path) -> None:
    out = done(home, "vectors", "export", "out", "--format", "clip-retrieval")
    assert "vectors of stub (16 numbers each)" in out
    back = done(home, "vectors", "import", "out", "--folder", SAMPLE / "drinks", "--collection", "back")
    assert "embedded once more: least cosine 1.0000" in back
    listed = json.loads(done(home, "search", "red", "--json", "-k", "3"))
    again = json.loads(done(home, "search", "red", "--json", "-k", "3", SEARCH_COLLECTION="back"))
    assert [hit["path"] for hit in listed] == [hit["path"] for hit in again]
    unchecked = done(
        home, "vectors", "import", "out", "--folder", SAMPLE / "drinks", "--collection", "c", "--check", "0"
    )
    assert "was not checked" in unchecked


def test_where_pictures_lie_is_noted_as_an_index_run_notes_it(home: Path) -> None:
    (home / "link").symlink_to(home, target_is_directory=True)
    done(home, "snapshot", "--out", "b.tar")
    moved = done(home, "restore", "b.tar", "--into", "elsewhere", "--folder", "link/b")  # relative, and through a link
    assert moved.rstrip().endswith(f"pictures lie in {(home / 'b').resolve()}")
