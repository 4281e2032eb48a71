"""A scan finds every picture once, in an order that every machine agrees on, and opens nothing but regular files."""

import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from search_app.errors import IngestError
from search_app.images.scan import ScanResult, scan_images
from tests.images.pictures import encode, photo, readable_by_nobody, without_root

JPEG = encode(photo(), "JPEG")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str, content: bytes = JPEG) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def found(folder: Path) -> list[str]:
    return [ref.path for ref in scan_images(folder).found]


def reasons(scan: ScanResult) -> dict[str, str]:
    return {item.path: item.reason for item in scan.skipped}


def test_pictures_come_in_the_order_of_their_posix_paths(folder):
    names = [
        "b/c/z.jpg",
        "a.jpg",
        "a/b.jpg",
        "B.jpg",
        "é.jpg",
        "a-b.jpg",
        "a/B/c.jpg",
        "10.jpg",
        "9.jpg",
        "with space.jpg",
    ]
    put(folder, *names)
    assert found(folder) == sorted(names)


def test_a_picture_is_described_as_it_lies_there(folder):
    put(folder, "a/b.jpg")
    os.utime(folder / "a/b.jpg", ns=(1, 1_234_567_890_123_456_789))
    (ref,) = scan_images(folder).found
    assert (ref.path, ref.size_bytes, ref.mtime_ns) == ("a/b.jpg", len(JPEG), 1_234_567_890_123_456_789)


def test_suffixes_count_in_any_case_and_whatever_the_content(folder):
    names = ["a.JPG", "b.Jpeg", "c.PNG", "d.WebP", "e.GIF", "f.bmp", "g.TIF", "h.tiff", "i.AVIF", "j.jfif"]
    put(folder, *names, content=b"decoding will tell")
    assert found(folder) == names


def test_content_decides_where_the_suffix_says_nothing(folder):
    put(folder, "photo", "photo.dat", "2024.12.24 evening", "picture.txt")
    put(folder, "car.png.part", content=encode(photo(), "PNG"))
    put(folder, "text", "notes.txt", "table.csv", content=b"BMW makes cars, II* is a text too\n")
    put(folder, "nothing", content=b"")
    assert found(folder) == ["2024.12.24 evening", "car.png.part", "photo", "photo.dat", "picture.txt"]
    assert scan_images(folder).skipped == []


def test_hidden_files_and_folders_are_passed_over(folder):
    put(folder, "a.jpg", ".b.jpg", "._a.jpg", ".thumbnails/c.jpg", "d/.e/f.jpg")
    assert found(folder) == ["a.jpg"]
    assert scan_images(folder).skipped == []


def test_a_folder_called_like_a_picture_is_a_folder(folder):
    put(folder, "album.jpg/a.jpg")
    assert found(folder) == ["album.jpg/a.jpg"]


def test_photographs_in_formats_that_are_not_read_are_reported(folder):
    put(folder, "a.HEIC", "b.dng", content=encode(photo(), "TIFF"))
    assert found(folder) == []
    assert list(reasons(scan_images(folder))) == ["a.HEIC", "b.dng"]


def test_an_empty_folder_holds_nothing(folder):
    assert scan_images(folder) == ScanResult([], [])


def test_fifos_and_sockets_are_reported_and_never_opened(folder, monkeypatch):
    put(folder, "a.jpg")
    names = ["fifo", "fifo.jpg"]
    opened = threading.Event()

    def write(name: str) -> None:
        os.close(os.open(folder / name, os.O_WRONLY))  # waits until somebody opens the other end
        opened.set()

    writers = [threading.Thread(target=write, args=(name,)) for name in names]
    for name, writer in zip(names, writers, strict=True):
        os.mkfifo(folder / name)
        writer.start()
    (folder / "to fifo.png").symlink_to("fifo.jpg")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        scan = scan_images(folder)
    assert not opened.wait(0.1)
    for name, writer in zip(names, writers, strict=True):
        os.close(os.open(folder / name, os.O_RDONLY))
        writer.join()
    assert [ref.path for ref in scan.found] == ["a.jpg"]
    assert list(reasons(scan)) == ["fifo.jpg", "socket.png", "to fifo.png"]


def test_each_file_counts_once_under_its_own_path(folder):
    put(folder, "z/a.jpg")
    (folder / "link.jpg").symlink_to("z/a.jpg")
    (folder / "again").symlink_to("z", target_is_directory=True)
    assert found(folder) == ["z/a.jpg"]
    assert scan_images(folder).skipped == []


def test_hidden_places_are_reached_through_links(folder):
    """As git-annex and photo managers lay them out."""
    put(folder, ".store/1", ".store/2.jpg", ".more/deep/3.jpg")
    (folder / "b.jpg").symlink_to(".store/1")
    (folder / "a.jpg").symlink_to(".store/1")
    (folder / "c.jpg").symlink_to(folder / ".store/2.jpg")
    (folder / "more").symlink_to(".more", target_is_directory=True)
    assert found(folder) == ["a.jpg", "c.jpg", "more/deep/3.jpg"]


def test_loops_of_links_end(folder):
    put(folder, "a/b/c.jpg")
    (folder / "a/self").symlink_to(".", target_is_directory=True)
    (folder / "a/b/up").symlink_to("..", target_is_directory=True)
    (folder / "a/b/top").symlink_to(folder, target_is_directory=True)
    (folder / "one.jpg").symlink_to("two.jpg")
    (folder / "two.jpg").symlink_to("one.jpg")
    scan = scan_images(folder)
    assert [ref.path for ref in scan.found] == ["a/b/c.jpg"]
    assert list(reasons(scan)) == ["a/b/top", "a/b/up", "a/self", "one.jpg", "two.jpg"]
    assert all("loop" in reason for reason in reasons(scan).values())


def test_links_in_hidden_places_end_too(folder):
    put(folder, ".store/deep/a.jpg")
    (folder / ".store/deep/back").symlink_to("..", target_is_directory=True)
    (folder / "x").symlink_to(".store/deep", target_is_directory=True)
    (folder / "y").symlink_to(".store", target_is_directory=True)
    assert found(folder) == ["x/a.jpg"]


def test_links_out_of_the_folder_are_reported_and_not_followed(folder):
    outside = folder.parent / "private"
    put(outside, "secret.jpg")
    put(folder.parent / "pictures-2", "secret.jpg")  # a name that begins with the folder's
    (folder / "file.jpg").symlink_to(outside / "secret.jpg")
    (folder / "album").symlink_to(outside, target_is_directory=True)
    (folder / "relative").symlink_to("../pictures-2", target_is_directory=True)
    (folder / "notes.txt").symlink_to(outside / "secret.jpg")
    scan = scan_images(folder)
    assert scan.found == []
    assert list(reasons(scan)) == ["album", "file.jpg", "relative"]


def test_links_to_nothing_are_reported_where_a_picture_is_missed(folder):
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "gone").symlink_to("nowhere")
    assert reasons(scan_images(folder)) == {"gone.jpg": "a link to a file that does not exist"}


def test_the_folder_itself_may_be_a_link(folder):
    put(folder, "a.jpg")
    (folder.parent / "link").symlink_to(folder, target_is_directory=True)
    assert found(folder.parent / "link") == ["a.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf_8_are_reported_in_print(folder):
    put(folder, "good.jpg")
    for name in (b"caf\xe9.jpg", b"caf\xe9", b"notes \xe9.txt"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(JPEG if b"notes" not in name else b"text")
    Path(os.fsdecode(os.fsencode(folder) + b"/alb\xfcm")).mkdir()
    put(folder, os.fsdecode(b"alb\xfcm") + "/a.jpg")
    scan = scan_images(folder)
    assert [ref.path for ref in scan.found] == ["good.jpg"]
    assert list(reasons(scan)) == ["alb\\xfcm", "caf\\xe9", "caf\\xe9.jpg"]
    json.dumps(reasons(scan)).encode()


def test_a_folder_without_permission_is_reported_and_its_pictures_are_not_called_gone():
    with readable_by_nobody() as folder:
        put(folder, "a.jpg", "closed/b.jpg", "closed/c/d.jpg")
        (folder / "closed").chmod(0)
        with without_root():
            scan = scan_images(folder)
        (folder / "closed").chmod(0o755)
    assert [ref.path for ref in scan.found] == ["a.jpg"]
    assert reasons(scan) == {"closed": "the folder cannot be read: Permission denied"}
    assert [scan.is_hidden(path) for path in ("a.jpg", "closed/b.jpg", "closed/c/d.jpg", "closed2/e.jpg")] == [
        False,
        True,
        True,
        False,
    ]


def test_what_is_missing_or_no_folder_is_said_plainly(folder):
    put(folder, "a.jpg")
    with pytest.raises(IngestError, match="does not exist"):
        scan_images(folder / "nowhere")
    with pytest.raises(IngestError, match="is a file"):
        scan_images(folder / "a.jpg")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(IngestError, match="cannot be read"):
        scan_images(folder / "loop")


def test_a_folder_that_may_not_be_read_is_said_plainly():
    with readable_by_nobody() as folder:
        folder.chmod(0o700)
        if os.geteuid() != 0:
            folder.chmod(0)
        with without_root(), pytest.raises(IngestError, match="Permission denied"):
            scan_images(folder)
        folder.chmod(0o755)
