"""A profile with the embedded engine: each setting is in the shard, and the shard keeps it."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from search_app.cli.program import main
from search_app.errors import SettingsError
from search_app.index.edge.store import EdgeStore
from search_app.index.profile import Profile
from search_app.index.profile_file import read_profile
from search_app.settings import load_settings
from search_app.wiring_index import open_store
from tests.index.points import FOLDER, SPEC, ids_of, points, query

FEW = 50
"""Points from which there is a graph."""


def store_of(folder: Path, profile: Profile) -> EdgeStore:
    return EdgeStore(folder, "images", graph_from=FEW, shape=profile.shape())


def fill(store: EdgeStore, ids: range = range(1, 201), *, rebuild: bool = False) -> None:
    with store.writer(SPEC, FOLDER, rebuild=rebuild) as writer:
        writer.upsert(points(ids))
        writer.commit()


def config(folder: Path) -> dict[str, Any]:
    """What the engine wrote of the current generation's settings."""
    current = (folder / "images" / "CURRENT").read_text().strip()
    return json.loads((folder / "images" / current / "shard" / "edge_config.json").read_text())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"hnsw": {"m": 8, "ef_construct": 50}}, '"m": 8, "ef_construct": 50'),
        ({"hnsw": {"on_disk": True}}, '"memory": "cold"'),
        ({"vectors": {"on_disk": True}}, '"distance": "Cosine", "memory": "cold"'),
        ({"vectors": {"datatype": "float16"}}, '"datatype": "float16"'),
        ({"payload": {"on_disk": False}}, '"payload_memory": "cached"'),
        ({"quantization": {"method": "turbo", "bits": 2}}, '"turbo": {"bits": "bits2"}'),
        ({"quantization": {"method": "binary", "bits": 1.5}}, '"binary": {"encoding": "one_and_half_bits"}'),
        ({"quantization": {"quantile": 0.9, "always_ram": True}}, '"quantile": 0.9, "memory": "pinned"'),
        ({"quantization": {"method": "none"}}, '"vectors"'),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_each_setting_is_in_the_shard_and_searches_find(tmp_path: Path, given: dict[str, Any], expected: str) -> None:
    store = store_of(tmp_path, Profile.model_validate(given))
    fill(store)
    told = json.dumps(config(tmp_path))
    assert expected in told, told
    assert ("quantization_config" in told) is (given.get("quantization", {}).get("method") != "none")
    reader = store.reader()
    answers = reader.search([query(number, limit=3) for number in range(1, 21)])
    reader.close()
    assert [ids_of(one)[0] for one in answers] == [*range(1, 21)]
    assert all(one.scores[0] > 0.999 for one in answers), "scores are those of the vectors, not of their copies"


def told_by(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of settings."""
    return [record.getMessage() for record in caplog.records if record.name == "search_app.index.kept"]


def test_a_collection_keeps_its_settings_and_the_difference_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    compact = store_of(tmp_path, read_profile("compact"))
    fill(EdgeStore(tmp_path, "images", graph_from=FEW))
    fill(compact, range(1, 221))
    assert "float16" not in json.dumps(config(tmp_path))
    assert "hnsw.m is 32, not 16" in caplog.text
    assert "index with --rebuild" in caplog.text
    caplog.clear()
    fill(compact, rebuild=True)
    fill(compact, range(1, 221))
    assert "float16" in json.dumps(config(tmp_path))
    assert told_by(caplog) == []
    fill(EdgeStore(tmp_path, "images", graph_from=FEW), range(1, 231))
    assert 'vectors.datatype is "float16", not "float32"' in caplog.text


def test_what_is_rebuilt_from_the_export_has_the_settings_it_had(tmp_path: Path) -> None:
    fill(store_of(tmp_path, read_profile("compact")))
    made = config(tmp_path)
    current = (tmp_path / "images" / "CURRENT").read_text().strip()
    shutil.rmtree(tmp_path / "images" / current / "shard")
    reader = EdgeStore(tmp_path, "images", graph_from=FEW).reader()
    assert ids_of(reader.search([query(7)])[0])[0] == 7
    reader.close()
    assert config(tmp_path) == made


def test_a_profile_for_a_cluster_is_refused_without_a_server(tmp_path: Path) -> None:
    settings = load_settings(index_dir=tmp_path, profile="cluster")
    with pytest.raises(SettingsError, match=r"SEARCH_PROFILE='cluster' sets cluster\.shard_number, .* QDRANT_URL"):
        open_store(settings)


def test_the_settings_reach_the_index_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text("[hnsw]\nm = 8\n")
    monkeypatch.setenv("SEARCH_PROFILE", "./mine.toml")
    monkeypatch.setenv("SEARCH_INDEX_DIR", str(tmp_path))
    with open_store(load_settings()).writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
        assert writer.commit().made_with == '{"hnsw": {"m": 8}}'
    assert config(tmp_path)["hnsw_config"]["m"] == 8


def test_doctor_says_where_a_collection_is_not_as_the_profile_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEARCH_MODEL", "stub")
    monkeypatch.setenv("SEARCH_INDEX_DIR", str(tmp_path))
    fill(EdgeStore(tmp_path, "images"))
    for profile, told in (
        ("default", "ok    the index is made as SEARCH_PROFILE says: default"),
        (
            "compact",
            "--    the index is made as SEARCH_PROFILE says: compact; it keeps what it was made with: vectors.",
        ),
        ("cluster", "FAIL  the index is made as SEARCH_PROFILE says: SEARCH_PROFILE='cluster' sets"),
    ):
        monkeypatch.setenv("SEARCH_PROFILE", profile)
        main(["doctor", "--sample", "0"])
        assert told in capsys.readouterr().out
