"""Indexes of released versions open, answer as they did, and go on; versions that are not known are refused."""

import json
import random
import tarfile
from pathlib import Path

import pytest

from search_app.encoders.stub import StubEncoder
from search_app.errors import VectorIndexError
from search_app.index.edge.store import EdgeStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter
from tests.chaos.old_indexes.make import HERE, look, paint
from tests.chaos.world import MAX_PIXELS, ignore
from tests.conftest import search_app

RELEASED = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
MOST_BYTES = 300_000


def unpack(release: str, home: Path) -> Path:
    with tarfile.open(HERE / f"{release}.tar.xz") as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        archive.extractall(home, **safely)  # noqa: S202 - our own, made by `make`
    return home


def test_there_is_one_of_every_release() -> None:
    assert "0.1.0" in RELEASED
    assert all((HERE / f"{release}.tar.xz").stat().st_size < MOST_BYTES for release in RELEASED)


@pytest.mark.parametrize("release", RELEASED)
def test_it_opens_answers_as_it_did_and_goes_on(tmp_path: Path, release: str) -> None:
    home = unpack(release, tmp_path)
    wanted = json.loads((home / "answers.json").read_text())
    assert json.loads(json.dumps(look(home / "storage"))) == wanted

    paint(home / "pictures" / "newer.png", random.Random(3).randrange(100, 200))
    encoder, store = StubEncoder(), EdgeStore(home / "storage", "images")
    report = run_ingest(home / "pictures", encoder, store, IngestOptions(MAX_PIXELS, workers=1), ignore)
    assert (report.indexed, report.unchanged, report.removed) == (1, len(wanted["paths"]), 0)
    now = look(home / "storage")
    assert now["paths"] == wanted["paths"] | {str(wanted["next_id"]): "newer.png"}
    assert now["words"] == wanted["words"]

    judgements = JudgementStore(home / "storage", str)
    assert judgements.count(Filter(history=True)) == 2
    judgements.close()


@pytest.mark.parametrize("version", [3])
def test_another_schema_version_is_refused_with_what_to_do(tmp_path: Path, version: int) -> None:
    home = unpack("0.1.0", tmp_path)
    [manifest] = (home / "storage" / "images").glob("gen-*/manifest.json")
    content = {name: value for name, value in json.loads(manifest.read_text()).items() if name != "digest"}
    manifest.write_text(json.dumps(content | {"schema_version": version}))
    reader = EdgeStore(home / "storage", "images").reader()
    with pytest.raises(VectorIndexError, match=r"use the program that wrote it .*SEARCH_COLLECTION"):
        reader.count()
    reader.close()
    settings = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": str(home / "storage")}
    refused = search_app("index", home / "pictures", cwd=tmp_path, env=settings)
    assert refused.status == 2
    assert f"schema version {version}" in refused.err
