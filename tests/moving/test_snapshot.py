"""Snapshots: one file, from one generation, restored as it was; a damaged or hostile one is refused."""

import hashlib
import io
import json
import resource
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from search_app.datatypes import Manifest, WholePoint
from search_app.errors import MovingError
from search_app.moving.archive import open_archive
from search_app.moving.contents import MANIFEST, Contents, Part, contents_to_json, part_name
from search_app.moving.move import move
from search_app.moving.parts import write_part
from search_app.moving.snapshot import Written, write_snapshot
from tests.index.conftest import LOCAL_MODE_WARNINGS
from tests.index.points import FOLDER, SPEC, picture, unit
from tests.moving.places import PLACES, WORDS, collections, fill, forms, held, make_place, point, quiet

pytestmark = LOCAL_MODE_WARNINGS
POINTS = [point(number) for number in range(1, 121)]
MANIFEST_OF = Manifest(
    "images", "small", "a" * 32, 8, FOLDER, 121, 120, 3, words_fingerprint=WORDS.fingerprint, words_dim=WORDS.dim
)


@dataclass
class Made:
    """A generation of made-up points."""

    manifest: Manifest
    made: list[WholePoint]

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        return iter(self.made)


def snapshot(file: Path, points: list[WholePoint] = POINTS) -> Written:
    manifest = replace(MANIFEST_OF, count=len(points), next_id=points[-1].id + 1)
    return write_snapshot(Made(manifest, points), file, quiet(""))


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_restored_is_what_was_taken(kind: str, tmp_path: Path) -> None:
    source, target = make_place(kind, tmp_path, "images"), make_place(kind, tmp_path, "restored")
    fill(source, POINTS, next_id=500)
    manifest, were = held(source)
    reader = source.reader()
    with reader.pinned() as pinned:
        written = write_snapshot(pinned, tmp_path / "a.tar", quiet(""))
    reader.close()
    archive = open_archive(tmp_path / "a.tar")
    assert archive.contents == written.contents
    assert (archive.manifest, written.size) == (manifest, (tmp_path / "a.tar").stat().st_size)
    done = move(archive, target, quiet)
    now, are = held(target)
    assert (now.collection, now.next_id, now.folder, now.count) == ("restored", 500, FOLDER, len(POINTS))
    assert done.verified.checksum == written.contents.checksum
    if kind != "server":
        assert forms(are) == forms(were)
    assert list(tmp_path.glob("*.part")) == []


def test_a_snapshot_is_of_one_generation_though_others_are_committed(tmp_path: Path) -> None:
    source = make_place("edge", tmp_path, "images")
    fill(source, POINTS)
    reader = source.reader()
    with reader.pinned() as pinned:

        @dataclass
        class Slow:
            manifest: Manifest

            def points(self, after: int = 0) -> Iterator[WholePoint]:
                for number, one in enumerate(pinned.points(after)):
                    if number == 50:
                        with source.writer(SPEC, FOLDER) as writer:
                            writer.delete([one.id, 100, 110])
                            writer.commit()
                    yield one

        write_snapshot(Slow(pinned.manifest), tmp_path / "a.tar", quiet(""))
    reader.close()
    assert forms(list(open_archive(tmp_path / "a.tar").points())) == forms(POINTS)
    assert held(source)[0].count == len(POINTS) - 3


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=collections())
def test_every_payload_survives_bit_by_bit(world: list[WholePoint], tmp_path: Path) -> None:
    file = tmp_path / "any.tar"
    file.unlink(missing_ok=True)
    snapshot(file, world)
    read = list(open_archive(file).points())
    assert forms(read) == forms(world)
    assert [one.picture for one in read] == [one.picture for one in world]


def test_names_of_files_that_are_no_unicode_survive(tmp_path: Path) -> None:
    odd = [WholePoint(1, unit(1), picture(1, "a/\udcff.jpg"), None)]
    snapshot(tmp_path / "a.tar", odd)
    assert next(open_archive(tmp_path / "a.tar").points()).picture.path == "a/\udcff.jpg"


def test_points_after_an_id_are_read_alone(tmp_path: Path) -> None:
    snapshot(tmp_path / "a.tar")
    archive = open_archive(tmp_path / "a.tar")
    assert [one.id for one in archive.points(100)] == list(range(101, 121))
    assert not list(archive.points(120))


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    snapshot(tmp_path / "a.tar")
    was = (tmp_path / "a.tar").read_bytes()
    with pytest.raises(MovingError, match="is there already"):
        snapshot(tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_bytes() == was


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A limit of the system stands for the disk: another errno, the same way out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            snapshot(tmp_path / "a.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def pack(file: Path, members: dict[str, bytes], **changes: object) -> Path:
    """A tar with these members; `changes` are laid on every entry."""
    with tarfile.open(file, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for each, value in changes.items():
                setattr(entry, each, value)
            archive.addfile(entry, io.BytesIO(data))
    return file


def unpack(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive.getmembers()}  # type: ignore[union-attr]


def described(points: dict[str, bytes], contents: Contents) -> bytes:
    """A table of contents that fits some parts."""
    parts = [
        replace(part, sha256=hashlib.sha256(points[part.name]).hexdigest(), size=len(points[part.name]))
        for part in contents.parts
    ]
    return contents_to_json(replace(contents, parts=tuple(parts)))


@pytest.fixture
def good(tmp_path: Path) -> tuple[dict[str, bytes], Contents]:
    written = snapshot(tmp_path / "good.tar")
    return unpack(tmp_path / "good.tar"), written.contents


Good = tuple[dict[str, bytes], Contents]


def read_all(file: Path) -> None:
    list(open_archive(file).points())


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9, 0.999], ids=str)
def test_a_cut_archive_is_refused(at: float, tmp_path: Path, good: Good) -> None:
    data = (tmp_path / "good.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: int(len(data.rstrip(b"\0")) * at)])
    with pytest.raises(MovingError):
        read_all(tmp_path / "cut.tar")


def test_every_byte_that_flips_in_an_archive_is_noticed(tmp_path: Path, good: Good) -> None:
    whole = (tmp_path / "good.tar").read_bytes()
    with tarfile.open(tmp_path / "good.tar") as archive:
        spans = [(one.offset_data, one.size) for one in archive.getmembers()]
    places = [start + size * share // 40 for start, size in spans for share in range(40)]
    for place in places:
        (tmp_path / "flipped.tar").write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(MovingError):
            read_all(tmp_path / "flipped.tar")


def hostile(good: Good, tmp_path: Path) -> dict[str, tuple[Callable[[], Path], str]]:
    members, contents = good
    first = part_name(0)
    point_of = POINTS[0]

    def with_point(one: WholePoint) -> Path:
        changed = {first: write_part([one, *POINTS[1:]], 8, WORDS.dim, compressed=False)}
        return pack(tmp_path / "x.tar", {**members, **changed, MANIFEST: described(changed, contents)})

    def with_table(table: bytes) -> Path:
        changed = {first: table}
        return pack(tmp_path / "x.tar", {**members, **changed, MANIFEST: described(changed, contents)})

    def with_manifest(**changes: object) -> Path:
        manifest = replace(contents.manifest, **changes)  # type: ignore[arg-type]
        return pack(tmp_path / "x.tar", {**members, MANIFEST: contents_to_json(replace(contents, manifest=manifest))})

    def with_json(change: Callable[[dict[str, object]], None]) -> Path:
        data = json.loads(members[MANIFEST])
        change(data)
        return pack(tmp_path / "x.tar", {**members, MANIFEST: json.dumps(data).encode()})

    def bomb() -> bytes:
        table = pq.read_table(io.BytesIO(members[first]))
        zeros = pa.array(["0" * 100_000] * len(table))
        file = io.BytesIO()
        pq.write_table(
            table.set_column(table.schema.get_field_index("taken"), "taken", zeros), file, compression="zstd"
        )
        return file.getvalue()

    def other(**changes: object) -> WholePoint:
        return replace(point_of, picture=replace(point_of.picture, **changes))

    wrong_hash = {
        **members,
        MANIFEST: contents_to_json(replace(contents, parts=(replace(contents.parts[0], sha256="0" * 64),))),
    }
    return {
        "traversal": (lambda: pack(tmp_path / "x.tar", {**members, "../../escaped": b"x"}), "does not hold"),
        "absolute": (lambda: pack(tmp_path / "x.tar", {**members, "/escaped": b"x"}), "does not hold"),
        "link": (
            lambda: pack(tmp_path / "x.tar", members, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            "members that none",
        ),
        "device": (lambda: pack(tmp_path / "x.tar", members, type=tarfile.CHRTYPE), "members that none"),
        "no tar": (lambda: _write(tmp_path / "x.tar", b"PK\3\4" * 400), "no snapshot"),
        "empty": (lambda: _write(tmp_path / "x.tar", b""), "no snapshot"),
        "no contents": (lambda: pack(tmp_path / "x.tar", {first: members[first]}), "members that none"),
        "wrong hash": (lambda: pack(tmp_path / "x.tar", wrong_hash), "not as it was written"),
        "other schema": (lambda: with_manifest(schema_version=2), "with schema version 2"),
        "other version": (lambda: with_json(lambda data: data.update(version=9)), "snapshot of version 9"),
        "other format": (lambda: with_json(lambda data: data.update(format="x")), "no snapshot of this program"),
        "no digest": (lambda: with_json(lambda data: data.pop("digest")), "not as it was written"),
        "count": (lambda: with_manifest(count=121), "are not the 121 points"),
        "next id": (lambda: with_manifest(next_id=5), "are not the 120 points"),
        "type": (lambda: with_manifest(dim="8"), "not complete"),
        "dim": (lambda: with_manifest(dim=16), "other columns"),
        "bomb": (lambda: with_table(bomb()), "is compressed"),
        "no parquet": (lambda: with_table(b"PAR1" * 100), "no Parquet file"),
        "path": (lambda: with_point(other(path="../../etc/passwd")), "no path below the indexed folder"),
        "absolute path": (lambda: with_point(other(path="/etc/passwd")), "no path below the indexed folder"),
        "id": (lambda: with_point(replace(point_of, id=50)), "not in its place"),
    }


def _write(file: Path, data: bytes) -> Path:
    file.write_bytes(data)
    return file


HOSTILE = (
    *("traversal", "absolute", "link", "device", "no tar", "empty", "no contents", "wrong hash", "other schema"),
    *("other version", "other format", "no digest", "count", "next id", "type", "dim", "bomb", "no parquet"),
    *("path", "absolute path", "id"),
)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_is_refused(kind: str, tmp_path: Path, good: Good) -> None:
    make, told = hostile(good, tmp_path)[kind]
    with pytest.raises(MovingError, match=told):
        read_all(make())
    target = make_place("memory", tmp_path, "there")
    with pytest.raises(MovingError):
        move(open_archive(tmp_path / "x.tar"), target, quiet)
    assert target.committed is None  # type: ignore[attr-defined]


def test_a_vector_of_no_length_is_refused_before_it_is_stored(tmp_path: Path) -> None:
    zero = replace(POINTS[0], vector=POINTS[0].vector * 0)
    snapshot(tmp_path / "a.tar", [zero])
    target = make_place("memory", tmp_path, "there")
    with pytest.raises(MovingError, match="has length 0"):
        move(open_archive(tmp_path / "a.tar"), target, quiet)


def test_parts_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    parts = [Part(part_name(number), "0" * 64, 1, 1, first, first) for number, first in enumerate((5, 4))]
    contents = Contents(replace(MANIFEST_OF, count=2), tuple(parts), "0" * 32)
    pack(tmp_path / "a.tar", {part.name: b"x" for part in parts} | {MANIFEST: contents_to_json(contents)})
    with pytest.raises(MovingError, match="do not go on"):
        open_archive(tmp_path / "a.tar")
