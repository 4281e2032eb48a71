"""`train adapter` as it is typed: labels of any kind in, a model and a collection out."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.cli.program import main
from search_app.encoders.adapter_head import MANIFEST
from search_app.encoders.stub import COLOURS
from search_app.training.card import read_card
from tests.conftest import SAMPLE, search_app

EACH = 6
NAMES = [*COLOURS]
SHOWN = dict(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
"""What pictures of a topic show: never the colour that the topic is called by, so that the base knows nothing."""


def draw(folder: Path) -> None:
    """Pictures with much of one colour and some of another."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for topic, shown in SHOWN.items():
        for number in range(EACH):
            pixels = np.empty((16, 16, 3), np.uint8)
            pixels[:] = COLOURS[shown]
            pixels[: random.integers(2, 8)] = COLOURS[NAMES[random.integers(len(NAMES))]]
            Image.fromarray(pixels).save(folder / f"{topic}-{number}.png")


def write_labels(folder: Path, *, shuffled: bool = False) -> list[str]:
    """Topics and qrels of the colours; gives the options that name them."""
    paths = [f"{topic}-{number}.png" for topic in SHOWN for number in range(EACH)]
    order = np.random.default_rng(1).permutation(len(paths)) if shuffled else np.arange(len(paths))
    lines = [f"{topic} 0 {paths[order[row]]} 1" for row, topic in enumerate(np.repeat(NAMES, EACH))]
    folder.mkdir(exist_ok=True)
    (folder / "topics.tsv").write_text("".join(f"{topic}\t{topic}\n" for topic in SHOWN))
    (folder / "qrels.txt").write_text("\n".join(lines) + "\n")
    return ["--topics", f"{folder}/topics.tsv", "--qrels", f"{folder}/qrels.txt"]


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A working folder whose collection `images` holds the pictures by `stub`; the pictures are gone."""
    monkeypatch.setenv("SEARCH_MODEL", "stub")
    draw(tmp_path / "pictures")
    assert main(["index", "pictures", "--no-words"]) == 0
    shutil.rmtree(tmp_path / "pictures")
    return write_labels(tmp_path / "labels")


def train(*options: object, name: str = "stub+mine", repeats: int = 1) -> int:
    return main(["train", "adapter", "--name", name, "--repeats", str(repeats), *map(str, options)])


def hits(capsys: pytest.CaptureFixture[str], query: str, model: str, collection: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert (
        main(["search", query, "--model", model, "--collection", collection, "-k", str(EACH), "--unfolded", "--json"])
        == 0
    )
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_labels_become_a_model_and_a_collection_without_a_picture(labels, capsys):
    assert train(*labels, "--json", "report.json", repeats=2) == 0
    out = capsys.readouterr().out
    assert "AP, pictures left out" in out
    assert "SEARCH_MODEL=stub+mine SEARCH_COLLECTION=stub-mine python -m search_app serve" in out
    report = json.loads(Path("report.json").read_text())
    gain = report["gains"]["AP, pictures left out"]
    assert 0 < gain["low"] <= gain["difference"] <= gain["high"]
    assert gain["p_holm"] < 0.05
    assert report["neutral phrases"]["kept"] >= 0.9
    assert len(report["gain by repeat"]) == 2
    assert {row["text"]: row["pictures"] for row in report["queries"]} == dict.fromkeys(NAMES, EACH)
    found = hits(capsys, "purple", "stub+mine", "stub-mine")
    assert all(str(hit["path"]).startswith("purple-") for hit in found)
    base = hits(capsys, "purple", "stub", "images")
    assert not any(str(hit["path"]).startswith("purple-") for hit in base[:3])
    ids = {hit["path"]: hit["id"] for hit in hits(capsys, SHOWN["purple"], "stub", "images")}
    assert {hit["path"]: hit["id"] for hit in found} == ids


def test_the_model_carries_a_card_and_is_listed_with_its_main_figure(labels, capsys):
    train(*labels, "--seed", "4")
    card = read_card(Path("qdrant_storage/models/stub+mine"))
    assert (card.name, card.base, card.seed) == ("stub+mine", "stub", 4)
    assert f"{len(NAMES)} texts in {len(NAMES)} groups" in card.data
    assert any("labels" in licence for licence in card.licences)
    capsys.readouterr()
    main(["models"])
    assert f"stub+mine  trained here on stub; {card.figures['headline']}" in capsys.readouterr().out
    Path("qdrant_storage/models/stub+mine/card.json").unlink()
    assert main(["models"]) == 0
    assert "train the model again" in capsys.readouterr().out


def test_the_same_command_makes_the_same_model_and_stores_nothing_twice(labels, capsys):
    train(*labels)
    before = Path("qdrant_storage/models/stub+mine", MANIFEST).read_text()
    assert train(*labels) == 0
    assert Path("qdrant_storage/models/stub+mine", MANIFEST).read_text() == before
    assert "0 of them new" in capsys.readouterr().out


def test_other_labels_under_the_same_name_replace_model_and_collection(labels, capsys, tmp_path):
    train(*labels)
    qrels = tmp_path / "labels" / "qrels.txt"
    kept = [line for line in qrels.read_text().splitlines(keepends=True) if not line.startswith("purple ")]
    qrels.write_text("".join(kept))
    assert train(*labels) == 0
    assert f"{EACH * len(NAMES)} of them new" in capsys.readouterr().out
    found = hits(capsys, "orange", "stub+mine", "stub-mine")
    assert all(str(hit["path"]).startswith("orange-") for hit in found)


def test_labels_that_do_not_help_make_nothing(labels, capsys, tmp_path):
    assert train(*write_labels(tmp_path / "labels", shuffled=True), "--json", "report.json") == 1
    out = capsys.readouterr().out
    assert "do not help: nothing was made" in out
    assert json.loads(Path("report.json").read_text())["strength"] == 0
    assert not Path("qdrant_storage/models").exists()
    assert not Path("qdrant_storage/stub-mine").exists()


def test_a_gain_that_may_be_chance_is_said_to_be_one(labels, capsys, tmp_path):
    qrels = tmp_path / "labels" / "qrels.txt"
    kept = [line for line in qrels.read_text().splitlines(keepends=True) if line.startswith(("purple ", "pink "))]
    qrels.write_text("".join(kept))
    assert train(*labels) == 0
    # Two queries cannot tell a gain from chance, however large it is.
    assert "note: the gain may be chance" in capsys.readouterr().out


def test_watched_queries_are_measured_and_never_learnt(labels, capsys, tmp_path):
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "topics.tsv").write_text("g1\tpurple and pink\ng2\tgrey\n")
    (guard / "qrels.txt").write_text("g1 0 red-0.png 1\ng1 0 red-1.png 1\ng2 0 red-2.png 1\n")
    watched = ["--guard-topics", f"{guard}/topics.tsv", "--guard-qrels", f"{guard}/qrels.txt"]
    assert train(*labels, *watched, "--json", "report.json") == 0
    gains = json.loads(Path("report.json").read_text())["gains"]
    assert [gains[f"watched, {name}"]["queries"] for name in ("R@5", "R@10", "RR")] == [3, 3, 3]
    assert gains["watched, RR"]["groups"] == 2
    with_guard = Path("qdrant_storage/models/stub+mine", MANIFEST).read_text()
    train(*labels)
    assert Path("qdrant_storage/models/stub+mine", MANIFEST).read_text() == with_guard


def test_judgements_and_pairs_are_labels_too(labels, capsys, tmp_path):
    main(["judgements", "import", *labels, "--assessor", "ann"])
    assert train("--judgements", "--into", "judged") == 0
    assert f"judgements (grade): {len(NAMES)} texts" in capsys.readouterr().out
    by_judgements = Path("qdrant_storage/models/stub+mine", MANIFEST).read_text()
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("".join(f"{topic}-{number}.png\t{topic}\n" for topic in NAMES for number in range(EACH)))
    assert train("--pairs", pairs, name="stub+pairs") == 0
    assert f"pairs.tsv: {len(NAMES)} texts" in capsys.readouterr().out
    found = hits(capsys, "purple", "stub+pairs", "stub-pairs")
    assert all(str(hit["path"]).startswith("purple-") for hit in found)
    assert json.loads(by_judgements)["base"] == "stub"
    assert hits(capsys, "purple", "stub+mine", "judged") != hits(capsys, "purple", "stub", "images")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "needs labels"),
        (["--topics", "labels/topics.tsv"], "--topics and --qrels go together"),
        (["--guard-qrels", "labels/qrels.txt", "--judgements"], "--guard-topics and --guard-qrels go together"),
        (["--judgements"], "nothing was judged yet"),
        (["--pairs", "none.tsv"], r"none.tsv"),
        (["--pairs", "few.tsv"], "10 are needed at least"),
        (["--pairs", "elsewhere.tsv"], "such as gone.png"),
        (["ALL", "--into", "images"], "collection 'images' was made by stub"),
        (["ALL", "--name", "lite"], "is no name for a model"),
        (["ALL", "--collection", "empty"], "empty"),
        (["ALL", "--model", "lite"], "was made by model stub"),
        (["ALL", "--repeats", "0"], "--repeats must be 1 or more"),
        (["ALL", "--into", "a/b"], "SEARCH_COLLECTION"),
        (["ALL", "--json", "none/report.json"], "there is no such folder"),
    ],
)
def test_wrong_use_is_told_in_a_sentence_and_nothing_is_made(labels, capsys, options, message):
    Path("few.tsv").write_text("red-0.png\tred\n")
    Path("elsewhere.tsv").write_text("gone.png\tred\n")
    capsys.readouterr()
    options = [part for option in options for part in (labels if option == "ALL" else [option])]
    assert train(*options) == 2
    assert message in capsys.readouterr().err
    assert not Path("qdrant_storage/models").exists()


def test_a_model_trained_here_is_no_base(labels, capsys):
    train(*labels)
    again = ["--model", "stub+mine", "--collection", "stub-mine"]
    assert train(*labels, *again, name="stub+twice") == 2
    assert "stub+mine was trained here itself" in capsys.readouterr().err


def test_labelled_pictures_that_are_not_there_are_told(labels, capsys, tmp_path):
    with (tmp_path / "labels" / "qrels.txt").open("a") as qrels:
        qrels.write("red 0 old%20picture.png 1\n")
    train(*labels)
    assert "note: 1 labelled pictures are not in the collection, such as old picture.png" in capsys.readouterr().out


def test_the_bundled_sample_is_learnt_from_its_labels(lite_sample, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(lite_sample / "qdrant_storage", home / "qdrant_storage")
    labels = ["--topics", SAMPLE.parent / "topics.tsv", "--qrels", SAMPLE.parent / "qrels.txt"]
    done = search_app(
        *("train", "adapter", "--name", "lite+sample", *labels, "--repeats", 1, "--json", "report.json"),
        cwd=home,
        env={"SEARCH_MODEL": "lite"},
    )
    assert done.status == 0, done.err
    gains = json.loads((home / "report.json").read_text())["gains"]
    assert gains["AP, pictures left out"]["low"] > 0
    assert gains["AP, pictures left out"]["p_holm"] < 0.05
    env = {"SEARCH_MODEL": "lite+sample", "SEARCH_COLLECTION": "lite-sample"}
    found = search_app("search", "car", "--json", cwd=home, env=env)
    assert len(json.loads(found.out)) == 5
    assert search_app("doctor", cwd=home, env=env).status == 0
