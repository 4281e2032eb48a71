"""The gate: the shipped default against its committed baseline, on the bundled sample and on the real ads."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.relevance import DOCS, baseline, part
from tests.conftest import ROOT, SHARED_ADS, index_sample, made_once, search_app

SHIPPED = {"SEARCH_MODEL": "lite", "SEARCH_WORDS": "on"}
"""What a machine without a hub gets."""
SEEN = {"SEARCH_WORDS": "off"}

needs_ads = pytest.mark.skipif(not SHARED_ADS.is_dir(), reason="the real ads (../shared/ads) are not here")


def indexed(home: Path, pictures: Path, **changes: str) -> Path:
    done = search_app("index", pictures, cwd=home, env=SHIPPED | changes, limit=1800)
    assert done.status == 0, done.err
    return home


def evaluate(home: Path, labels: Path, against: Path, **changes: str) -> Any:
    env = SHIPPED | changes
    return search_app("evaluate", "--labels", labels, "--against", against, cwd=home, env=env, limit=600)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose index holds the bundled sample without its words."""
    home = tmp_path_factory.mktemp("seen")
    return shutil.copytree(made_once(tmp_path_factory, "indexed_sample", index_sample), home, dirs_exist_ok=True)


def test_nothing_fell_by_what_is_seen_in_the_sample(seen: Path) -> None:
    done = evaluate(seen, ROOT / "sample", baseline("sample"), **SEEN)
    assert done.status == 0, done.out + done.err
    assert "no measure fell" in done.out


@needs_ads
def test_nothing_fell_by_what_is_seen_in_the_ads(tmp_path: Path) -> None:
    done = evaluate(indexed(tmp_path, SHARED_ADS / "images", **SEEN), SHARED_ADS, baseline("ads"), **SEEN)
    assert done.status == 0, done.out + done.err
    assert "no measure fell" in done.out


@pytest.mark.parametrize(
    ("name", "folder"),
    [("sample", ROOT / "sample"), pytest.param("ads", SHARED_ADS, marks=needs_ads)],
    ids=["sample", "ads"],
)
def test_nothing_fell_in_a_part_of_them_with_their_words(name: str, folder: Path, tmp_path: Path) -> None:
    """To read the words of all takes longer than a test may (docs/relevance.md has the command)."""
    some = part(name, folder, tmp_path / "part")
    done = evaluate(indexed(tmp_path, some / "images"), some, baseline(f"{name}-part"))
    assert done.status == 0, done.out + done.err
    assert "no measure fell" in done.out
    assert "fused" in done.out


def test_a_better_past_closes_the_gate(seen: Path, tmp_path: Path) -> None:
    labels = tmp_path / "categories"  # one section of the five: the gate has no need of the others to be closed
    labels.mkdir()
    for name in ("Topics.json", "Topics_List.txt"):
        shutil.copy(ROOT / "sample" / name, labels)
    past = json.loads(baseline("sample").read_text("utf-8"))
    for values in past["sections"]["categories"]["systems"]["lite"]["queries"].values():
        values["AP"] = min(1.0, values["AP"] + 0.1)
    changed = tmp_path / "past.json"
    changed.write_text(json.dumps(past), "utf-8")
    done = evaluate(seen, labels, changed, **SEEN)
    assert done.status == 1
    assert "fell: categories, lite: AP was" in done.out


@pytest.mark.parametrize("name", ["sample", "ads"])
def test_the_docs_say_what_the_baseline_says(name: str) -> None:
    text = DOCS.read_text("utf-8")
    block = text.split(f"<!-- tables: {name} -->")[1].split(f"<!-- end of tables: {name} -->")[0]
    sections = json.loads(baseline(name).read_text("utf-8"))["sections"]
    checked = 0
    tables = [table for table in block.split("### ") if "| measure |" in table]
    assert len(tables) == len(sections)
    for table, section in zip(tables, sections.values(), strict=True):
        head, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
        systems = [cell.strip() for cell in head.strip("|").split("|")][1:]
        for row in rows:
            measure, *cells = [cell.strip() for cell in row.strip("|").split("|")]
            for system, cell in zip(systems, cells, strict=True):
                if system in section["systems"]:
                    mean = section["systems"][system]["measures"][measure.split(" ")[0]]
                    told = [float(figure) for figure in re.findall(r"\d+\.\d+", cell)]
                    assert told == pytest.approx([mean["value"], mean["low"], mean["high"]], abs=6e-4), (table, cell)
                    checked += 1
    assert checked >= 20
