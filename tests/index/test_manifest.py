"""The manifest survives being written and read, and refuses what it cannot know."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from search_app.errors import IndexDamaged, ModelMismatch, VectorIndexError
from search_app.index.manifest import Record, check_model, fresh_manifest, grown, read_record, write_record
from tests.index.points import FOLDER, OTHER, SPEC

RECORD = Record(
    replace(fresh_manifest("images", SPEC, FOLDER), next_id=31, count=30, generation=4),
    base=3,
    rebuilt=True,
    final=True,
    sample=((1, "ab"), (7, "cd")),
    export={"vectors.npy": "00ff"},
)


def without_digest(path: Path) -> dict[str, object]:
    """As the first version wrote it, to be changed by hand."""
    return {name: value for name, value in json.loads(path.read_text()).items() if name != "digest"}


def test_one_digit_that_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, RECORD)
    path.write_text(path.read_text().replace('"next_id": 31', '"next_id": 21'))
    with pytest.raises(IndexDamaged, match=r"not what was written.*index the folder again"):
        read_record(path)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    write_record(tmp_path / "manifest.json", RECORD)
    assert read_record(tmp_path / "manifest.json") == RECORD


def test_fields_of_a_later_program_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, RECORD)
    path.write_text(json.dumps(without_digest(path) | {"colour": "blue"}))
    assert read_record(path) == RECORD


def test_a_manifest_from_before_words_were_read_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, RECORD)
    old = {name: value for name, value in without_digest(path).items() if not name.startswith("words_")}
    path.write_text(json.dumps(old))
    assert read_record(path) == RECORD


@pytest.mark.parametrize("change", [{"next_id": None}, {"sample": [[1]]}, {"export": 3}, {"base": "x"}])
def test_an_incomplete_manifest_is_damage(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, RECORD)
    content = without_digest(path) | change
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(IndexDamaged, match="index the folder again"):
        read_record(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "\xff"])
def test_what_is_no_manifest_is_refused_with_its_path(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(VectorIndexError, match=r"manifest\.json"):
        read_record(path)


def test_another_schema_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_record(path, RECORD)
    path.write_text(json.dumps(without_digest(path) | {"schema_version": 3, "program": "7.1"}))
    with pytest.raises(
        VectorIndexError, match=r"schema version 3, this program reads 1 and 2.*7\.1.*SEARCH_COLLECTION"
    ):
        read_record(path)


def test_device_precision_and_batch_size_do_not_make_another_model() -> None:
    check_model(RECORD.manifest, replace(SPEC, device="cuda", precision="bf16", batch_size=256))


def test_the_same_name_with_other_weights_is_another_model() -> None:
    with pytest.raises(ModelMismatch, match="the name is the same") as refused:
        check_model(RECORD.manifest, replace(SPEC, fingerprint="f" * 32))
    assert "SEARCH_MODEL" not in str(refused.value)
    with pytest.raises(ModelMismatch, match="SEARCH_MODEL=small"):
        check_model(RECORD.manifest, OTHER)


def test_the_high_water_mark_only_rises() -> None:
    assert grown(RECORD.manifest, 40).next_id == 41
    assert grown(RECORD.manifest, 3).next_id == 31
    assert fresh_manifest("images", OTHER, FOLDER, RECORD.manifest).next_id == 31
