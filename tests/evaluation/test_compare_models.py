"""`compare --models`: a collection for each model, quality beside cost, models that cannot be had, going on."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE, search_app

OFFLINE = {"SEARCH_MODEL": "lite", "HF_HUB_OFFLINE": "1"}
MODELS = ("stub", "ViT-B-32/laion2b_s34b_b79k", "lite")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few cars and sweets with their labels."""
    home = tmp_path_factory.mktemp("compare")
    topics = json.loads((ROOT / "sample" / "Topics.json").read_text("utf-8"))
    chosen = [path for kind in ("cars", "sweets") for path in sorted(topics) if path.startswith(f"{kind}/")]
    for path in chosen:
        (home / "pictures" / path).parent.mkdir(parents=True, exist_ok=True)
        (home / "pictures" / path).write_bytes((SAMPLE / path).read_bytes())
    (home / "labels").mkdir()
    (home / "labels" / "Topics.json").write_text(json.dumps({path: topics[path] for path in chosen}), "utf-8")
    (home / "labels" / "Topics_List.txt").write_bytes((ROOT / "sample" / "Topics_List.txt").read_bytes())
    return home


def compare(home: Path, *models: str):
    words = ("--labels", "labels", "--pictures", "pictures", "--json", "out.json", "--html", "out.html")
    return search_app("compare", "--models", *models, *words, cwd=home, env=OFFLINE)


def test_models_stand_beside_each_other_and_what_cannot_be_had_is_told(home: Path) -> None:
    done = compare(home, *MODELS)
    assert done.status == 0, done.err
    assert "ViT-B-32/laion2b_s34b_b79k is passed over" in done.err
    assert "Not measured: ViT-B-32/laion2b_s34b_b79k" in done.out
    content = json.loads((home / "out.json").read_text("utf-8"))
    assert set(content["models"]) == {"stub", "lite"}
    for row in content["models"].values():
        assert row["cost"]["text_ms"] > 0
        assert row["images_per_second"] > 0
        assert row["memory_mb"] > 30
    systems = content["sections"]["categories"]["systems"]
    assert set(systems) == {"stub", "lite", "random"}
    quality = {name: report["measures"]["nDCG@10"]["value"] for name, report in systems.items()}
    assert quality["lite"] > max(quality["stub"], quality["random"])
    page = (home / "out.html").read_text("utf-8")
    assert "Which model?" in page
    assert "indexed/s" in page
    first = next(line for line in done.out.splitlines() if line.startswith("lite "))
    assert first.endswith("+")


def test_started_again_it_embeds_nothing_and_keeps_what_indexing_took(home: Path) -> None:
    before = json.loads((home / "out.json").read_text("utf-8"))["models"]
    generations = sorted((home / "qdrant_storage").rglob("CURRENT"))
    assert len(generations) == 2
    assert compare(home, "stub", "lite").status == 0
    after = json.loads((home / "out.json").read_text("utf-8"))["models"]
    for model in ("stub", "lite"):
        for figure in ("images_per_second", "memory_mb", "quality"):
            assert after[model][figure] == before[model][figure]


def test_no_model_that_can_be_had_is_an_error_that_says_why(home: Path) -> None:
    done = compare(home, "ViT-B-32/laion2b_s34b_b79k")
    assert done.status == 2
    assert "no model could be measured" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare"], "either --models M ... with --labels FOLDER, or --runs"),
        (["compare", "--models", "lite"], "--models needs --labels"),
        (["evaluate"], "--topics T.tsv and --qrels Q.txt, or --labels FOLDER"),
        (["evaluate", "--labels", "gone"], "gone: no such folder"),
        (["evaluate", "--labels", "labels", "--against", "gone.json"], r"gone.json: cannot be read"),
    ],
)
def test_wrong_use_says_what_is_needed(home: Path, words: list[str], message: str) -> None:
    if "gone" in words:
        assert search_app("index", "pictures", cwd=home, env={"SEARCH_MODEL": "stub"}).status == 0
    done = search_app(*words, cwd=home, env={"SEARCH_MODEL": "stub"})
    assert done.status == 2
    assert message in done.err
