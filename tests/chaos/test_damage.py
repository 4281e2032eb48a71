"""Damage of an embedded index is noticed when it is opened and mended from the export: the short form of `damage`."""

import json
import os
import random
from pathlib import Path

import pytest

from search_app.datatypes import FloatMatrix, PixelBatch
from search_app.errors import IndexDamaged, VectorIndexError
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.seal import broken_seal, write_seal
from search_app.index.edge.store import EdgeStore
from tests.chaos.damage import HOWS, KEPT, REPAIRED, SAID, UNHARMED, Patient
from tests.chaos.world import FewAtOnce, differences, index
from tests.index.points import FOLDER, SPEC, eventually, points

BY_CHANCE = 3


class Blind(FewAtOnce):
    """Must not be shown a picture."""

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        pytest.fail("a picture was embedded again")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    return Patient(tmp_path_factory.mktemp("patient"), random.Random(3))


@pytest.mark.parametrize(
    ("file", "how", "outcome"),
    [
        ("CURRENT", "overwritten", SAID),
        ("manifest.json", "flipped", SAID),
        ("seal.json", "removed", REPAIRED),
        ("vector_storage-image/vectors/chunk_0.mmap", "flipped", REPAIRED),
        ("payload_storage/page_0.dat", "cut", REPAIRED),
        ("mutable_id_tracker.mappings", "removed", REPAIRED),
        ("wal/open-1", "overwritten", REPAIRED),
        ("points.jsonl", "removed", UNHARMED),
    ],
)
def test_one_file_that_is_harmed_gives_no_wrong_answer(patient: Patient, file: str, how: str, outcome: str) -> None:
    one = next(path for path in patient.files() if path.endswith(file))
    assert patient.examine(one, how) == outcome


def test_so_do_files_harmed_by_chance(patient: Patient) -> None:
    chance = random.Random(20)
    for _ in range(BY_CHANCE):
        patient.examine(chance.choice(patient.files()), chance.choice(sorted(HOWS)))


def test_an_index_run_goes_on_from_the_export_and_not_from_the_damage(patient: Patient) -> None:
    """One bit of one vector: a run that copied it would export it as the truth."""
    [file] = [path for path in patient.files() if path.endswith("vector_storage-image/vectors/chunk_0.mmap")][:1]
    store, _ = patient.harm(file, "flipped")
    with store.writer(patient.encoder.spec, "elsewhere") as writer:
        writer.delete([10**6])
        writer.commit()
    reader = store.reader()
    assert not differences(reader, patient.twin.store.reader(), patient.encoder)
    reader.close()


def test_a_lost_book_is_found_again_without_embedding_anything(patient: Patient) -> None:
    store, place = patient.harm("CURRENT", "removed")
    reader = store.reader()
    with pytest.raises(IndexDamaged, match=r"CURRENT is gone.*index FOLDER"):
        reader.count()
    index(patient.home / "pictures", Blind(), store, None)
    eventually(lambda: (place / "CURRENT").exists() and reader.manifest_at_hand() is not None)
    assert not differences(reader, patient.twin.store.reader(), patient.encoder)
    reader.close()


def test_files_cut_under_a_running_engine_are_mended(patient: Patient) -> None:
    """A mapped file that ends before its pages do is SIGBUS; the next owner meets the seal first."""
    store, place = patient.harm("CURRENT", KEPT)
    reader = store.reader()
    for chunk in place.rglob("vector_storage-*/vectors/chunk_0.mmap"):
        os.truncate(chunk, 0)
    eventually(lambda: is_like(reader, patient))
    reader.close()
    assert list(place.glob("damaged-*"))


def is_like(reader: EdgeReader, patient: Patient) -> bool:
    try:
        return not differences(reader, patient.twin.store.reader(), patient.encoder)
    except VectorIndexError:
        return False


def test_work_that_the_machine_lost_its_power_over_is_done_again(tmp_path: Path) -> None:
    """Nothing of it was synced: what of it is on the disk, nobody knows."""
    store = EdgeStore(tmp_path, "images")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
    with store.writer(SPEC, FOLDER) as writer:
        assert len([*writer.scan()]) == 3
    [manifest] = (tmp_path / "images").glob("gen-*.part/manifest.json")
    content = {name: value for name, value in json.loads(manifest.read_text()).items() if name != "digest"}
    manifest.write_text(json.dumps(content | {"boot": "an earlier one"}))
    with store.writer(SPEC, FOLDER) as writer:
        assert [*writer.scan()] == []


def test_a_seal_knows_holes_from_data_only_by_what_they_read_as(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(3_000_000)
        file.seek(1_234_567)
        file.write(b"x" * 70_000)
    (tmp_path / "seal.json.new").write_bytes(b"half of a se")  # its writer was killed
    write_seal(tmp_path)
    content = (tmp_path / "sparse").read_bytes()
    (tmp_path / "sparse").write_bytes(content)
    assert broken_seal(tmp_path) == ""
    (tmp_path / "sparse").write_bytes(content[:1_300_000] + b"y" + content[1_300_001:])
    assert broken_seal(tmp_path) == "sparse is not what was stored"
    (tmp_path / "sparse").write_bytes(content + b"\0")
    assert broken_seal(tmp_path) == "sparse is not what was stored"
