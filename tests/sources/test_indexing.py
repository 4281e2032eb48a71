"""A source is mirrored as a folder is: the same ids, the same vectors, renames, removals, words and metadata."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import ImageRef, PrintedWords
from search_app.encoders.stub import StubEncoder
from search_app.errors import IngestError, Unreachable
from search_app.images.scan import ScanResult
from search_app.index.base import IndexReader
from search_app.index.memory.store import MemoryStore
from search_app.ingest.engine import IngestOptions
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.report import IngestReport
from search_app.sources.base import Source
from search_app.sources.opening import open_source
from tests.sources.conftest import NAMES
from tests.sources.test_shards import shard

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


def index(source: Path | Source, store: MemoryStore, **changes: object) -> IngestReport:
    options = IngestOptions(**{"max_pixels": 1_000_000, "workers": 2, **changes})  # type: ignore[arg-type]
    return run_ingest(source, StubEncoder(), store, options, lambda *_: None)


def held(reader: IndexReader) -> dict[int, tuple[str, str, bytes]]:
    """Path, content and vector of each picture, by id."""
    known = list(reader.scan())
    vectors = reader.vectors([item.id for item in known])
    return {item.id: (item.picture.path, item.picture.content_hash, vectors[item.id].tobytes()) for item in known}


class Bucket:
    """A prefix in fsspec's memory that mirrors a dictionary."""

    def __init__(self, name: str) -> None:
        self.address, self._root, self._files = f"memory://{name}", f"/{name}", fsspec.filesystem("memory")

    def put(self, content: Mapping[str, bytes]) -> None:
        for name, data in content.items():
            self._files.pipe(f"{self._root}/{name}", data)

    def move(self, old: str, new: str) -> None:
        self._files.mv(f"{self._root}/{old}", f"{self._root}/{new}")

    def remove(self, name: str) -> None:
        self._files.rm(f"{self._root}/{name}")


@pytest.fixture
def bucket(folder: Path, tmp_path: Path) -> Bucket:
    bucket = Bucket(f"{tmp_path.name}/bucket")
    bucket.put({name: (folder / name).read_bytes() for name in [*NAMES, "b.txt"]})
    return bucket


def test_a_bucket_gives_what_its_folder_gives(folder: Path, bucket: Bucket, web: str) -> None:
    stores = [MemoryStore("images") for _ in range(3)]
    sources: list[Path | Source] = [folder, open_source(bucket.address), open_source(web)]
    reports = [index(source, store) for source, store in zip(sources, stores, strict=True)]
    assert held(stores[0].reader()) == held(stores[1].reader()) == held(stores[2].reader())
    assert [report.folder for report in reports] == [str(folder), bucket.address, web]
    told = {(report.indexed, report.unchanged, report.removed, report.total, report.skipped) for report in reports}
    assert told == {(4, 0, 0, 4, ())}
    again = index(open_source(bucket.address), stores[1])
    assert (again.indexed, again.unchanged) == (0, 4)
    assert index(open_source(web), stores[2]).unchanged == 4


def test_changes_renames_and_removals_in_a_bucket_are_followed(folder: Path, bucket: Bucket) -> None:
    store = MemoryStore("images")
    index(open_source(bucket.address), store)
    bucket.move("sub/c.jpg", "moved.jpg")
    bucket.remove("a.png")
    bucket.put({"b.png": (folder / "sub" / "d é.png").read_bytes(), "bad.png": b"no picture"})
    report = index(open_source(bucket.address), store)
    assert {number: path for number, (path, *_) in held(store.reader()).items()} == {
        2: "b.png",
        3: "moved.jpg",
        4: "sub/d é.png",
    }
    assert (report.indexed, report.renamed, report.removed) == (1, 1, 1)
    assert [item.path for item in report.skipped] == ["bad.png"]
    again = index(open_source(bucket.address), store, rebuild=True)
    assert (again.indexed, sorted(held(store.reader()))) == (3, [2, 3, 4])


def test_an_object_that_is_written_again_with_the_same_bytes_is_not_embedded(folder: Path, bucket: Bucket) -> None:
    store = MemoryStore("images")
    index(open_source(bucket.address), store)
    bucket.put({"b.png": (folder / "b.png").read_bytes()})
    report = index(open_source(bucket.address), store)
    assert (report.indexed, report.unchanged) == (0, 4)


def test_twins_in_a_bucket_are_copies(folder: Path, bucket: Bucket) -> None:
    bucket.put({"twin.png": (folder / "b.png").read_bytes()})
    store = MemoryStore("images")
    index(open_source(bucket.address), store)
    copies = {item.picture.path: item.picture.copy_of for item in store.reader().scan()}
    assert copies["twin.png"] == copies["b.png"] == 2


def test_a_list_gives_metadata_and_a_file_goes_over_it(folder: Path, tmp_path: Path) -> None:
    (folder / "l.csv").write_text("path,price,shop\na.png,3,x\nsub/c.jpg,4,y\n")
    (tmp_path / "over.csv").write_text("path,shop,extra\na.png,z,1\nnothing.png,q,2\n")
    store = MemoryStore("images")
    report = index(open_source(str(folder / "l.csv")), store)
    assert report.metadata is not None
    assert (report.metadata.pictures, report.metadata.fields) == (2, ("price", "shop"))
    report = index(open_source(str(folder / "l.csv")), store, metadata=tmp_path / "over.csv")
    assert (report.indexed, report.unchanged, report.metadata and report.metadata.unknown) == (0, 2, 1)
    assert {item.picture.path: item.picture.meta for item in store.reader().scan()} == {
        "a.png": {"price": 3, "shop": "z", "extra": 1},
        "sub/c.jpg": {"price": 4, "shop": "y"},
    }
    assert not index(open_source(str(folder / "l.csv")), store).indexed
    assert {item.picture.meta.get("shop") for item in store.reader().scan()} == {"x", "y"}


def test_too_many_fields_of_a_list_are_told(folder: Path) -> None:
    (folder / "l.jsonl").write_text(json.dumps({"path": "a.png"} | {f"f{n}": 1 for n in range(65)}))
    with pytest.raises(IngestError, match="at most 64 are indexed"):
        index(open_source(str(folder / "l.jsonl")), MemoryStore("images"))


def test_a_shard_is_a_folder_in_a_file(folder: Path, tmp_path: Path) -> None:
    content = {name: (folder / name).read_bytes() for name in NAMES}
    (tmp_path / "shards").mkdir()
    shard(tmp_path / "shards" / "0.tar", {**content, "a.json": b'{"price": 3}'})
    store, other = MemoryStore("images"), MemoryStore("images")
    index(folder, store)
    report = index(open_source(str(tmp_path / "shards" / "{0..0}.tar")), other)
    flat = {number: (path.removeprefix("0.tar/"), *rest) for number, (path, *rest) in held(other.reader()).items()}
    assert flat == {number: (path, *rest) for number, (path, *rest) in held(store.reader()).items()}
    assert report.metadata is not None
    assert report.metadata.pictures == 1
    shard(tmp_path / "shards" / "0.tar", {"first.png": b"no picture", **content})  # all of them lie elsewhere now
    report = index(open_source(str(tmp_path / "shards" / "0.tar")), other)
    assert (report.indexed, report.unchanged, len(report.skipped)) == (0, 4, 1)


class Failing:
    """A source of which some pictures cannot be had now."""

    def __init__(self, source: Source, failing: set[str]) -> None:
        self._source, self.failing = source, failing

    @property
    def location(self) -> str:
        return self._source.location

    def scan(self) -> ScanResult:
        return self._source.scan()

    def read(self, ref: ImageRef) -> bytes:
        if ref.path in self.failing:
            raise Unreachable("the store gave no answer")
        return self._source.read(ref)

    def words_beside(self, path: str) -> PrintedWords | None:
        return self._source.words_beside(path)


def test_a_picture_that_cannot_be_had_now_stays_as_it_was(folder: Path, bucket: Bucket) -> None:
    store = MemoryStore("images")
    source = Failing(open_source(bucket.address), {"a.png"})
    assert (index(source, store).indexed, len(held(store.reader()))) == (3, 3)
    bucket.put({"b.png": (folder / "a.png").read_bytes()})
    source.failing = {"b.png"}
    before = held(store.reader())
    report = index(source, store)
    assert (report.removed, [item.path for item in report.skipped]) == (0, ["b.png"])
    assert before.items() <= held(store.reader()).items()
    source.failing = set()
    assert index(source, store).indexed == 1


def test_a_store_of_which_nothing_can_be_had_ends_the_run(bucket: Bucket) -> None:
    names = {f"x{number:03}.png" for number in range(120)}
    bucket.put(dict.fromkeys(names, b"x"))
    with pytest.raises(IngestError, match=r"none of the first \d+ pictures .* can be had"):
        index(Failing(open_source(bucket.address), names | set(NAMES)), MemoryStore("images"))


def test_a_version_stands_in_place_of_the_time(web: str, folder: Path) -> None:
    store = MemoryStore("images")
    index(open_source(web), store)
    reader = store.reader()
    assert {item.picture.version for item in reader.scan()} == {""}
    assert np.isfinite(list(reader.vectors([1])[1])).all()
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data)
    assert index(open_source(web), store).indexed == 0
