"""Shards are read in place, whatever stands in them, and one picture without the rest."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_app.datatypes import ImageRef
from search_app.errors import ImageError, IngestError, Unreadable, WordsError
from search_app.sources.opening import open_source
from search_app.sources.tar import TarReader


def shard(path: Path, entries: Mapping[str, bytes], **options: object) -> Path:
    with tarfile.open(path, "w", **options) as tar:  # type: ignore[call-overload]
        for name, content in entries.items():
            add(tar, name, content)
    return path


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(content), 1_700_000_000
    tar.addfile(entry, io.BytesIO(content))


@pytest.fixture
def shards(folder: Path, tmp_path: Path) -> Path:
    """Two shards with the pictures of the folder, texts and fields."""
    place = tmp_path / "shards"
    place.mkdir()
    red, blue = (folder / "b.png").read_bytes(), (folder / "sub" / "c.jpg").read_bytes()
    first = {"./0.png": red, "0.txt": b"big sale", "0.json": json.dumps({"price": 3, "shop": "x"}).encode()}
    shard(place / "s-00.tar", {**first, "1.png": red, "1.cls": b"7"})
    shard(place / "s-01.tar", {"deep/0.seg.jpg": blue, "deep/0.jpg": blue, "deep/0.json": b'{"price": 4}'})
    return place


def test_what_belongs_together_is_put_together(shards: Path, folder: Path) -> None:
    source = open_source(str(shards / "s-{00..01}.tar"))
    scan = source.scan()
    assert scan.skipped == []
    assert {ref.path: ref.size_bytes for ref in scan.found} == {
        "s-00.tar/0.png": (folder / "b.png").stat().st_size,
        "s-00.tar/1.png": (folder / "b.png").stat().st_size,
        "s-01.tar/deep/0.jpg": (folder / "sub" / "c.jpg").stat().st_size,
        "s-01.tar/deep/0.seg.jpg": (folder / "sub" / "c.jpg").stat().st_size,
    }
    assert scan.meta == {
        "s-00.tar/0.png": {"price": 3, "shop": "x"},
        "s-01.tar/deep/0.jpg": {"price": 4},
        "s-01.tar/deep/0.seg.jpg": {"price": 4},
    }
    assert [ref.mtime_ns for ref in scan.found] == [1_700_000_000 * 10**9] * 4
    words = source.words_beside("s-00.tar/0.png")
    assert words is not None
    assert words.text == "big sale"
    assert source.words_beside("s-00.tar/1.png") is None
    again = open_source(source.location)  # as the service opens it, without a scan
    assert again.read(scan.found[2]) == (folder / "sub" / "c.jpg").read_bytes()
    assert open_source(str(shards / "*.tar")).scan().found == scan.found


def test_shards_in_an_object_store_are_streamed(shards: Path, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    for file in shards.iterdir():
        fsspec.filesystem("memory").pipe(f"/{tmp_path.name}/shards/{file.name}", file.read_bytes())
    here = open_source(str(shards / "*.tar")).scan()
    source = open_source(f"memory://{tmp_path.name}/shards/s-*.tar")
    there = source.scan()
    assert [(ref.path, ref.size_bytes) for ref in there.found] == [(ref.path, ref.size_bytes) for ref in here.found]
    assert there.meta == here.meta
    assert source.read(there.found[0]) == open_source(str(shards / "*.tar")).read(here.found[0])


def test_a_shard_that_changed_gives_nothing_wrong(shards: Path) -> None:
    source = open_source(str(shards / "s-00.tar"))
    [first, _] = source.scan().found
    shard(shards / "s-00.tar", {"9.png": b"x" * 5000})
    with pytest.raises(Unreadable, match="is not the one that was listed"):
        open_source(str(shards / "s-00.tar")).read(first)
    with pytest.raises(Unreadable, match="index the shards again"):
        source.read(ImageRef("../../etc/passwd", 5, 0, "1:0"))
    with pytest.raises(Unreadable, match="index the shards again"):
        source.read(ImageRef("s-00.tar/9.png", 5, 0, ""))


def test_entries_that_mean_harm_cost_themselves(folder: Path, tmp_path: Path) -> None:
    red = (folder / "b.png").read_bytes()
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w", encoding="utf-8", errors="surrogateescape") as tar:
        for name in ("../up.png", "/abs.png", "a/./b.png", "\udcff.png", "new\nline.png", ".hidden/c.png"):
            add(tar, name, red)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo(f"kind{kind.decode()}.png")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tar.addfile(entry)
        add(tar, "ok.png", red)
        add(tar, "ok.png", b"another of this name")
        add(tar, "ok.json", b"{no json")
        add(tar, "list.png", red)
        add(tar, "list.json", b"[" * 100_000)
        add(tar, "long.png", red)
        add(tar, "long.json", b" " * (2**20 + 1))
        add(tar, "long.txt", b"x" * 300_000)
        add(tar, "raw.nef", b"x")
    scan = (source := open_source(str(path))).scan()
    assert [ref.path.partition("/")[2] for ref in scan.found] == ["list.png", "long.png", "ok.png"]
    assert scan.meta == {}
    reasons = {item.path.partition("/")[2]: item.reason for item in scan.skipped}
    elsewhere = "the name leads elsewhere (an empty part, . or ..): rename it"
    no_file = "not a regular file (a link, folder or device)"
    assert reasons.pop("ok.json").startswith("its fields are left out: no JSON")
    assert reasons.pop("list.json").startswith("its fields are left out: no JSON")
    assert reasons == {
        **dict.fromkeys(["../up.png", "/abs.png", "a/./b.png"], elsewhere),
        "\\xff.png": "the name is not valid UTF-8: rename it",
        "new\nline.png": "the name has a control character: rename it",
        **dict.fromkeys(["kind1.png", "kind2.png", "kind6.png"], no_file),
        "ok.png": "a second entry of this name: the first one counts",
        "long.json": "its fields are left out: longer than 1 MiB",
        "raw.nef": "pictures in NEF format are not read: convert it to JPEG or PNG",
    }
    assert source.read(scan.found[2]) == red
    with pytest.raises(WordsError, match="larger than 256 KiB"):
        source.words_beside("hostile.tar/long.png")


def test_a_header_that_claims_gigabytes_is_not_read(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = tarfile.GNUTYPE_LONGNAME, 2**33
    path = tmp_path / "bomb.tar"
    path.write_bytes(entry.tobuf(tarfile.GNU_FORMAT))
    with path.open("r+b") as file:
        file.truncate(2**33)  # with holes: nothing of it is on the disk
    with pytest.raises(IngestError, match="a header of 8589934592 bytes"):
        open_source(str(path)).scan()


def test_a_shard_that_is_cut_off_hides_what_it_held(shards: Path) -> None:
    whole = (shards / "s-01.tar").read_bytes()
    (shards / "s-01.tar").write_bytes(whole[:1500])
    scan = open_source(str(shards / "s-{00..02}.tar")).scan()
    assert [ref.path for ref in scan.found if ref.path.startswith("s-00")] == ["s-00.tar/0.png", "s-00.tar/1.png"]
    assert [item.path for item in scan.skipped] == ["s-01.tar", "s-02.tar"]
    assert scan.is_hidden("s-01.tar/deep/0.jpg")
    assert scan.is_hidden("s-02.tar/x.jpg")
    assert not scan.is_hidden("s-00.tar/0.png")


def test_garbage_in_the_middle_is_no_end(shards: Path) -> None:
    path = shards / "s-00.tar"
    content = bytearray(path.read_bytes())
    content[1024 : 1024 + 512] = b"\xaa" * 512
    path.write_bytes(bytes(content))
    with pytest.raises(Unreadable), path.open("rb") as file:
        list(TarReader(file))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_anything_but_an_error_of_ours(data: st.DataObject, shards: Path) -> None:
    content = bytearray((shards / "s-01.tar").read_bytes()[:6000])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        for entry in (reader := TarReader(io.BytesIO(bytes(content)))):
            assert entry.offset >= 0
            reader.content(2**20)
    except ImageError:
        pass
