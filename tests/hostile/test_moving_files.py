"""Files that change, vanish or become something else before they are read, and links that lead out of the folder."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from search_app.datatypes import ImageRef
from search_app.encoders.stub import StubEncoder
from search_app.errors import WordsError
from search_app.images.decode import read_image_file
from search_app.images.fingerprints import content_hash
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport
from search_app.sources.folder import FolderSource

OPTIONS = IngestOptions(max_pixels=1_000_000, workers=3)
VICTIM = "m.png"
NEIGHBOURS = {"a.png", "z.png"}


class Treacherous(FolderSource):
    """A folder in which somebody does something to a file right before it is read."""

    def __init__(self, folder: Path, act: Callable[[Path], None]) -> None:
        super().__init__(folder)
        self._act = act

    def read(self, ref: ImageRef) -> bytes:
        if ref.path == VICTIM:
            self._act(self.folder / ref.path)
        return super().read(ref)


def draw(path: Path, colour: tuple[int, int, int] = (10, 200, 30), size: tuple[int, int] = (40, 30)) -> None:
    Image.new("RGB", size, colour).save(path)


def vanish(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    os.truncate(path, 40)


def become_text(path: Path) -> None:
    path.write_text("no picture")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_link_out(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "secret.png")


def become_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def become_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


BAD = {
    vanish: "cannot be read: No such file",
    empty: "the file is empty",
    cut: "broken PNG file",
    become_text: "not a picture",
    become_folder: "not a regular file",
    become_fifo: "not a regular file",
    become_link_out: "a link out of the indexed folder",
    become_loop: "cannot be read: Too many levels",
    become_device: "a link out of the indexed folder",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw(tmp_path / "secret.png", (250, 0, 0))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, name in enumerate([*NEIGHBOURS, VICTIM]):
        draw(pictures / name, (number, 100, 100))
    return pictures


def index(source: FolderSource | Path, store: MemoryStore) -> IngestReport:
    return run_ingest(source, StubEncoder(), store, OPTIONS, lambda *_: None)


def held(store: MemoryStore) -> dict[str, str]:
    return {item.picture.path: item.picture.content_hash for item in store.reader().scan()}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize("act", BAD, ids=lambda act: act.__name__)
def test_what_goes_wrong_costs_that_file_only_and_has_its_reason(act: Callable[[Path], None], folder: Path) -> None:
    store = MemoryStore("test")
    report = index(Treacherous(folder, act), store)
    assert held(store).keys() == NEIGHBOURS
    [skipped] = report.skipped
    assert skipped.path == VICTIM
    assert BAD[act] in skipped.reason
    # What was a picture of the index before is none afterwards; nobody remembers what it was.
    again = index(folder, store)
    assert (again.indexed, held(store).keys()) == (0, NEIGHBOURS)


@pytest.mark.parametrize("is_known", [False, True])
def test_a_file_that_is_replaced_has_the_vector_of_what_was_read(is_known: bool, folder: Path) -> None:
    store = MemoryStore("test")
    if is_known:
        index(folder, store)
        draw(folder / VICTIM, (9, 9, 9))
    index(Treacherous(folder, lambda path: draw(path, (200, 0, 200), (50, 20))), store)
    assert held(store)[VICTIM] == content_hash((folder / VICTIM).read_bytes())
    [number] = [item.id for item in store.reader().scan() if item.picture.path == VICTIM]
    width = store.reader().fetch([number])[number].picture.width
    assert width == 50
    # Size and time are those of the scan, so the next run takes it for changed; the one after it does not.
    assert [index(folder, store).indexed for _ in range(2)] == [1, 0]
    assert held(store)[VICTIM] == content_hash((folder / VICTIM).read_bytes())


def test_a_file_that_grows_while_it_is_read_ends(tmp_path: Path) -> None:
    path = tmp_path / "growing.png"
    path.write_bytes(os.urandom(1_000_000))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as stream:
            while not stop.is_set():
                stream.write(b"more" * 1_000)
                stream.flush()
                time.sleep(0.0005)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert all(len(read_image_file(path)) >= 1_000_000 for _ in range(20))
    finally:
        stop.set()
        writer.join()


def test_files_that_are_written_in_place_all_the_time_end_as_what_they_are(folder: Path) -> None:
    """Every run ends, tells what it could not read, and the one after the last change is a fresh build."""
    store, stop = MemoryStore("test"), threading.Event()
    versions = []
    for number in range(4):
        draw(folder.parent / f"{number}.png", (number * 60, 10, 200), (30 + number, 30))
        versions.append((folder.parent / f"{number}.png").read_bytes())

    def rewrite() -> None:
        step = 0
        while not stop.is_set():
            data = versions[step % 4]
            with (folder / VICTIM).open("wb") as stream:
                stream.write(data[: 7 * step % len(data)])
                stream.flush()
                time.sleep(0.002)
                stream.write(data[7 * step % len(data) :])
            # Longer than the grain of older clocks: what is rewritten in one size within that is not noticed.
            time.sleep(0.012)
            step += 1

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            report = index(folder, store)
            assert {item.path for item in report.skipped} <= {VICTIM}
            assert held(store).keys() >= NEIGHBOURS
    finally:
        stop.set()
        writer.join()
    index(folder, store)
    fresh = MemoryStore("fresh")
    index(folder, fresh)
    assert held(store) == held(fresh)
    assert held(store)[VICTIM] in {content_hash(data) for data in versions}


@pytest.mark.parametrize("name", ["m.png.txt", "m.txt"])
def test_a_text_file_of_somebody_else_is_not_taken_for_printed_words(name: str, folder: Path) -> None:
    """What the service may read, and those who put pictures into the folder may not, would be found by its words."""
    secret = folder.parent / "secret.txt"
    secret.write_text("hunter2")
    (folder / name).symlink_to(secret)
    with pytest.raises(WordsError, match=rf"{name}: a link out of the indexed folder: not followed; delete it"):
        FolderSource(folder).words_beside(VICTIM)
    inside = folder / "texts"
    inside.mkdir()
    (folder / name).unlink()
    (inside / "m").write_text("seen")
    (folder / name).symlink_to(Path("texts") / "m")
    words = FolderSource(folder).words_beside(VICTIM)
    assert words is not None
    assert words.text == "seen"
