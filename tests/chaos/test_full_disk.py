"""A full disk ends a run in a sentence with the remedy; nothing reported as done is lost, and room is all it takes."""

import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search_app.errors import DiskFull, JudgementError, VectorIndexError, WordsError
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.words_pass import run_words
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter
from tests.chaos.small_disk import SmallDisk, fill, small_disk
from tests.chaos.world import MAX_PIXELS, FewAtOnce, Folder, Twin, differences, ignore, index, words_parts
from tests.conftest import Service, clean_environment, search_app, start_service
from tests.index.points import FOLDER, SPEC, eventually, points
from tests.judgements.made import judgement

MEGABYTE = 1024**2
DISK = 600
"""Megabytes: a safe write needs 200 of them free, and a generation takes 70 where there are no sparse files."""
MOMENTS = (2, 9, 17)
"""Of some 25 file operations of a small run."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", DISK) as mounted:
        yield mounted


@pytest.fixture
def disk(small: SmallDisk) -> Path:
    """Its folder as this process names it."""
    return small.outside


def inside(small: SmallDisk, function: str, *arguments: Path) -> None:
    """Call a function of this file, which checks what it does, where the disk has a path that SQLite can use."""
    script = f"import sys; from pathlib import Path; from {__name__} import *; {function}(*map(Path, sys.argv[1:]))"
    done = small.run(script, small.place, *arguments)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "pictures").mkdir()
    made = Folder(tmp_path / "pictures", random.Random(11))
    for _ in range(8):
        made.add()
    return made


def test_the_command_says_so_the_service_answers_on_and_a_later_run_finishes(
    tmp_path: Path, disk: Path, folder: Folder
) -> None:
    settings = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": str(disk / "storage")}
    assert search_app("index", folder.path, cwd=tmp_path, env=settings).status == 0
    service = start_service(tmp_path, settings)
    before = answers(service)
    folder.add()
    for left in (50 * MEGABYTE, 0):
        ballast = fill(disk, leave=left)
        refused = search_app("index", folder.path, cwd=tmp_path, env=settings)
        assert refused.status == 2
        assert "Traceback" not in refused.err
        assert "free some space" in refused.err
        assert answers(service) == before
        assert service.client.get("/readyz").status_code == 200
        ballast.unlink()
    assert search_app("index", folder.path, cwd=tmp_path, env=settings).status == 0
    eventually(lambda: len(answers(service)) == 9)
    service.stop()


def answers(service: Service) -> list[object]:
    found: list[object] = service.client.get("/search", params={"query": "red", "limit": 50}).json()
    return found


def fill_while(disk: Path, moment: int) -> None:
    """Take the last byte of the disk before the file operation of this number in it."""
    seen = [0]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"open", "os.rename", "os.mkdir"} and str(arguments[0]).startswith(str(disk)):
            seen[0] += 1
            if seen[0] == moment:
                fill(disk, leave=0)

    sys.addaudithook(watch)


def test_a_disk_that_others_fill_in_the_middle_of_a_run_costs_that_run_only(
    tmp_path: Path, disk: Path, folder: Folder
) -> None:
    """The guard before each write has seen room; what is left is the system's own refusal, or the engine's end."""
    store, encoder, twin = EdgeStore(disk / "storage", "images"), FewAtOnce(), Twin(FewAtOnce(), None)
    twin.follow(folder.path)
    index(folder.path, encoder, store, None)
    folder.add()
    for moment in MOMENTS:
        done = index_on_a_disk_that_fills(disk, folder.path, moment)
        assert done.returncode == 1, "the disk was filled too late for this test to say anything"
        assert done.stderr.splitlines()[-1].startswith("search_app.errors.DiskFull"), done.stderr
        assert "free some space" in done.stderr
        (disk / "ballast").unlink()
        check(store, twin)
    twin.follow(folder.path)
    index(folder.path, encoder, store, None)
    check(store, twin)


def index_on_a_disk_that_fills(disk: Path, folder: Path, moment: int) -> "subprocess.CompletedProcess[str]":
    script = (
        "import sys; from pathlib import Path; from tests.chaos.test_full_disk import *; "
        "fill_while(Path(sys.argv[1]), int(sys.argv[3])); "
        "index(Path(sys.argv[2]), FewAtOnce(), EdgeStore(Path(sys.argv[1]) / 'storage', 'images'), None)"
    )
    command = [sys.executable, "-c", script, str(disk), str(folder), str(moment)]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=240, check=False)


def check(store: EdgeStore, twin: Twin) -> None:
    reader = store.reader()
    try:
        assert not differences(reader, twin.store.reader(), twin.encoder)
    finally:
        reader.close()


def test_words_stop_with_the_remedy_and_the_pictures_stay(small: SmallDisk, folder: Folder) -> None:
    inside(small, "words_on_a_full_disk", folder.path)


def words_on_a_full_disk(disk: Path, folder: Path) -> None:
    encoder, store = FewAtOnce(), EdgeStore(disk / "storage", "images")
    run_ingest(folder, encoder, store, IngestOptions(MAX_PIXELS, workers=1), ignore)
    reader = store.reader()
    parts = words_parts(disk / "storage")
    ballast = fill(disk, leave=0)
    with pytest.raises((WordsError, DiskFull), match=r"make room and run again|free some space|disk is full"):
        run_words(folder, parts, encoder.spec, store, ignore)
    parts.close()
    assert len([*reader.scan()]) == 8
    reader.close()
    ballast.unlink()
    parts = words_parts(disk / "storage")
    report = run_words(folder, parts, encoder.spec, store, ignore)
    assert (report.read, report.failed) == (8, ())
    parts.close()


def test_a_service_that_starts_on_a_full_disk_says_so_and_takes_no_harm(disk: Path) -> None:
    """The engine writes when it opens a shard: that it cannot is no damage, and no reason to rebuild anything."""
    store = EdgeStore(disk / "storage", "images")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 9)))
        writer.commit()
    ballast = fill(disk, leave=0)
    reader = store.reader()
    with pytest.raises(VectorIndexError, match=r"disk is full|free some space"):
        reader.count()
    ballast.unlink()
    eventually(lambda: is_counted(reader, 8))
    reader.close()
    assert not list((disk / "storage" / "images").glob("damaged-*"))


def is_counted(reader: EdgeReader, count: int) -> bool:
    try:
        return reader.count() == count
    except VectorIndexError:
        return False


def test_pictures_of_an_old_index_are_not_described_on_a_full_disk(disk: Path) -> None:
    store = EdgeStore(disk / "storage", "images")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 9)))
        writer.commit()
        fill(disk, leave=100 * MEGABYTE)
        with pytest.raises(DiskFull, match="free some space"):
            writer.update_pictures([*writer.scan()])


def add_until_refused(store: JudgementStore, said: list[str]) -> None:
    """Each judgement that was taken is put into `said`."""
    for number in range(500):
        store.add([judgement(f"full-{number}")])
        said.append(f"full-{number}")


def test_a_judgement_is_kept_or_refused(small: SmallDisk) -> None:
    inside(small, "judgements_on_a_full_disk")


def judgements_on_a_full_disk(disk: Path) -> None:
    store = JudgementStore(disk / "storage", str)
    said = [f"before-{number}" for number in range(20)]
    for one in said:
        store.add([judgement(one)])
    ballast = fill(disk, leave=8 * 4096)
    with pytest.raises(JudgementError, match="free space"):
        add_until_refused(store, said)
    assert len(said) > 20
    ballast.unlink()
    store.add([judgement("after")])
    store.close()
    again = JudgementStore(disk / "storage", str)
    assert again.count(Filter(history=True)) == len(said) + 1
    again.close()


def test_a_limit_on_the_size_of_files_is_said_like_a_full_disk(tmp_path: Path, folder: Folder) -> None:
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))
    done = subprocess.run(
        [sys.executable, "-m", "search_app", "index", str(folder.path)],
        cwd=tmp_path, env=clean_environment(SEARCH_MODEL="stub"), preexec_fn=limit,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "raise the quota or limit" in done.stderr
