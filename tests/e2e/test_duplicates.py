"""`duplicates`, as a user types it: of a collection, of a folder, as text and as JSON; it changes nothing."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import search_app
from tests.ingest.test_copies import scene

ENV = {"SEARCH_MODEL": "stub"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "old").mkdir(parents=True)
    scene(1).save(folder / "cat.png")
    scene(2).save(folder / "dog.png")
    scene(2).resize((180, 120)).save(folder / "old" / "dog small.jpg")
    shutil.copy(folder / "cat.png", folder / "old" / "cat.png")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_groups_of_the_collection_are_listed(pictures: Path, tmp_path: Path) -> None:
    assert search_app("index", pictures, cwd=tmp_path, env=ENV).status == 0
    before = contents(pictures)
    done = search_app("duplicates", cwd=tmp_path, env=ENV)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"{pictures}: 2 of 4 pictures are copies of others, in 2 groups"
    assert [line.split(",")[0] for line in lines if ", 2 files, " in line] == ["same bytes", "same picture"]
    assert [line.split("  ")[-1].strip() for line in lines if line.startswith("    ")] == [
        "cat.png",
        "old/cat.png",
        "dog.png",
        "old/dog small.jpg",
    ]
    assert done.err == ""
    assert contents(pictures) == before


def test_json_has_all_of_it(pictures: Path, tmp_path: Path) -> None:
    search_app("index", pictures, cwd=tmp_path, env=ENV)
    done = search_app("duplicates", "--json", "--similar", "0", cwd=tmp_path, env=ENV)
    told = json.loads(done.out)
    assert {name: told[name] for name in ("folder", "pictures", "copies")} == {
        "folder": str(pictures),
        "pictures": 4,
        "copies": 2,
    }
    cat, small = ((pictures / name).stat().st_size for name in ("cat.png", "old/dog small.jpg"))
    assert (told["same_bytes"], told["reclaimable_bytes"]) == (cat, cat + small)
    assert [group["level"] for group in told["groups"]] == ["same bytes", "same picture"]
    assert told["groups"][1]["pictures"][1] == {
        "id": 4,
        "path": "old/dog small.jpg",
        "width": 180,
        "height": 120,
        "format": "JPEG",
        "size_bytes": small,
        "level": "same picture",
    }
    [pair] = told["similar"]
    assert [one["path"] for one in pair["pictures"]] == ["cat.png", "dog.png"]


def test_a_folder_is_looked_at_without_an_index_and_none_is_made(pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"no picture")
    done = search_app("duplicates", pictures, cwd=tmp_path, env=ENV)
    assert done.status == 0, done.err
    assert "2 of 4 pictures are copies of others, in 2 groups" in done.out
    assert "skipped broken.jpg" in done.err
    assert not (tmp_path / "qdrant_storage").exists()


def test_no_copies_are_no_failure(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    scene(1).save(folder / "a.png")
    done = search_app("duplicates", folder, cwd=tmp_path, env=ENV)
    assert (done.status, done.out) == (0, f"{folder}: 0 of 1 pictures are copies of others, in 0 groups\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "collection 'images' is empty"),
        (["missing"], "missing does not exist"),
        (["--similar", "90"], "--similar 90.0: a cosine from 0 to 1 is needed"),
    ],
)
def test_wrong_use_is_a_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = search_app("duplicates", *arguments, cwd=tmp_path, env=ENV)
    assert done.status == 2
    assert says in done.err
    assert "Traceback" not in done.err
