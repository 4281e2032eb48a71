"""`doctor` finds each kind of damage, says what to do about it, and changes nothing."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.cli.program import main
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.onnx_manifest import read_onnx_manifest
from search_app.encoders.weights import stated_sha256
from search_app.evaluation.pins import check_pins
from tests.truth.conftest import World
from tests.truth.made_model import DIM, make_model, seal
from tests.truth.test_readiness import store_vectors

OPENS = "the index opens and holds what was committed"
AGAIN = "files embedded again have the vectors that are stored"
VECTORS = "stored vectors are finite, of unit length and not all the same"
FILES = "the pictures on the disk are those that were indexed"
EXPORT = "the export, which a damaged index is rebuilt from"
LEFT = "nothing is left of interrupted runs"


class Doctor:
    """Runs the command in a world and reads what it says."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.chdir(world.home)
        self.capsys, self.model = capsys, world.model

    def failed(self, *options: str) -> set[str]:
        """Names of the checks that failed; each must say what to do."""
        self.capsys.readouterr()
        status = main(["doctor", "--model", self.model, "--json", *options])
        told = json.loads(self.capsys.readouterr().out)
        self.checks = {one["name"]: one for one in told["checks"]}
        failed = {name for name, one in self.checks.items() if one["ok"] is False}
        assert status == (1 if failed else 0)
        assert told["ok"] == (not failed)
        assert all(self.checks[name]["remedy"] for name in failed if not name.startswith("different"))
        return failed


@pytest.fixture
def doctor(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(world, monkeypatch, capsys)


def state_of(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Every file's inode, time of change and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns, content_of(path))
        for path in sorted(folder.rglob("*"))
    }


def content_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def newest(world: World, pattern: str) -> Path:
    return max((world.home / "qdrant_storage" / "images").rglob(pattern), key=lambda path: path.stat().st_size)


def test_nothing_is_found_and_nothing_is_changed_where_all_is_well(world: World, doctor: Doctor) -> None:
    before = state_of(world.home)
    assert doctor.failed() == set()
    assert doctor.checks[AGAIN]["detail"] == "6 files, least cosine 1.00000"
    assert state_of(world.home) == before


def test_a_damaged_index_is_told_and_left_as_it_is(world: World, doctor: Doctor) -> None:
    storage = newest(world, "vector_storage-image/**/*.dat")
    with storage.open("r+b") as file:
        file.write(b"\xff" * 64)
    before = state_of(world.home)
    assert doctor.failed() == {OPENS}
    assert state_of(world.home) == before


def damage_export(world: World) -> None:
    with newest(world, "vectors.npy").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\1\2\3\4")


def change_a_picture(world: World) -> None:
    Image.new("RGB", (64, 48), "black").save(world.home / "pictures" / "red.png")


def remove_the_pictures(world: World) -> None:
    shutil.rmtree((world.home / "pictures").resolve())


def damage_a_vector(world: World) -> None:
    """Unit, finite, and not what the model gives."""
    store_vectors(world, lambda number: np.roll(np.eye(DIM)[number % DIM], 3))


def make_all_vectors_one(world: World) -> None:
    store_vectors(world, lambda _: np.full(DIM, DIM**-0.5))


def swap_the_image_tower(world: World) -> None:
    """Another model's file under a manifest that was made to fit: no hash tells, the vectors do."""
    manifest = read_onnx_manifest(world.home / "model")
    make_model(world.home / "other", seed=5)
    shutil.copy(world.home / "other" / "image_tower.onnx", world.home / "model" / "image_tower.onnx")
    seal(world.home / "model", manifest)


def change_a_byte_of_the_model(world: World) -> None:
    tower = world.home / "model" / "text_tower.onnx"
    content = bytearray(tower.read_bytes())
    content[len(content) // 2] ^= 1
    tower.write_bytes(content)


def take_another_model(world: World) -> None:
    make_model(world.home / "model", seed=7)


def set_the_clock_back(world: World) -> None:
    later = time.time() + 7200
    os.utime(world.home / "qdrant_storage" / "images" / "CURRENT", (later, later))


def damage_judgements(world: World) -> None:
    file = world.home / "qdrant_storage" / "judgements.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE judgement (a)")
        connection.executemany("INSERT INTO judgement VALUES (?)", [("x" * 500,)] * 200)
        connection.commit()
    with file.open("r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 4096)


def damage_what_lies_beside(world: World) -> None:
    damage_export(world)
    change_a_picture(world)
    set_the_clock_back(world)
    damage_judgements(world)
    (world.home / "pictures" / "blue.png").unlink()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (damage_what_lies_beside, {EXPORT, FILES, "the clock", "judgements"}),
        (remove_the_pictures, {FILES}),
        (damage_a_vector, {AGAIN}),
        (make_all_vectors_one, {AGAIN, VECTORS}),
        (swap_the_image_tower, {AGAIN}),
        (change_a_byte_of_the_model, {"the model opens"}),
        (take_another_model, {"the index is of this model"}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_damage_is_found(world: World, doctor: Doctor, damage: Callable[[World], None], found: set[str]) -> None:
    damage(world)
    before = state_of(world.home)
    assert doctor.failed() == found
    assert state_of(world.home) == before


def test_what_killed_runs_left_is_listed(world: World, doctor: Doctor) -> None:
    collection = world.home / "qdrant_storage" / "images"
    (collection / "gen-000002.part").mkdir()
    (collection / "damaged-gen-000001").mkdir()
    assert doctor.failed() == set()
    assert doctor.checks[LEFT]["detail"] == "gen-000002.part, damaged-gen-000001"
    assert "goes on from there" in doctor.checks[LEFT]["remedy"]


def test_a_run_that_writes_is_no_leftover(world: World, doctor: Doctor) -> None:
    lock = world.home / "qdrant_storage" / "images" / "writer.lock"
    lock.write_text("process 7 on a machine")
    (lock.parent / "gen-000002.part").mkdir()
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert doctor.failed() == set()
    assert doctor.checks[LEFT]["detail"] == "process 7 on a machine is writing now"


def test_a_wrong_setting_is_a_check_that_failed(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_MAX_LIMIT", "many")
    assert doctor.failed() == {"settings"}


def test_without_an_index_only_the_model_is_checked(world: World, doctor: Doctor) -> None:
    assert doctor.failed("--collection", "nothing") == set()
    assert doctor.checks[OPENS]["ok"] is None


def test_the_sample_is_as_large_as_asked(doctor: Doctor) -> None:
    assert doctor.failed("--sample", "2") == set()
    assert doctor.checks[AGAIN]["detail"].startswith("2 files")


def test_the_bundled_model_gives_the_pinned_vectors_and_another_does_not() -> None:
    encoder = LiteEncoder()
    check = check_pins(encoder)
    assert check.ok is True, check.detail

    texts_of = encoder.encode_texts
    encoder.encode_texts = lambda texts: np.roll(texts_of(texts), 1, axis=1)  # as with a faulty runtime
    assert check_pins(encoder).ok is False
    encoder.close()


def test_the_hub_states_what_a_download_is(tmp_path: Path) -> None:
    content = b"weights"
    stated = hashlib.sha256(content).hexdigest()
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / stated).write_bytes(content)
    link = tmp_path / "open_clip_model.safetensors"
    link.symlink_to(tmp_path / "blobs" / stated)
    assert stated_sha256(link) == stated
    (tmp_path / "own.safetensors").write_bytes(content)
    assert stated_sha256(tmp_path / "own.safetensors") == ""
