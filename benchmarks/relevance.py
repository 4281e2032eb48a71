"""Makes the tables of docs/relevance.md and the baselines of the gate: `python -m benchmarks.relevance [ADS]`.

ADS holds `images/` and the ads' label files; without it only the bundled sample is measured. Each collection is indexed
from nothing with the shipped default of a machine without a hub: `lite`, and the words printed in the pictures. A part
of each is measured by itself too: to read the words of all takes longer than a test may.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "relevance.md"
BASELINES = ROOT / "tests" / "relevance"
MODEL = "lite"
DIGITS = 5
EVERY = {"sample": 3, "ads": 6}
"""Which pictures are the part whose words a test reads: some fifty posters, some sixty ads."""


def main() -> int:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", nargs="?", type=Path, help="folder of the ads: images/ and label files")
    ads: Path | None = parser.parse_args().ads
    collections = {"sample": ROOT / "sample"} | ({"ads": ads.resolve()} if ads else {})
    for name, folder in collections.items():
        tables = keep_baseline(name, folder)
        DOCS.write_text(replaced(DOCS.read_text("utf-8"), name, tables), encoding="utf-8")
        with tempfile.TemporaryDirectory() as place:
            keep_baseline(f"{name}-part", part(name, folder, Path(place)))
        print(f"{name}: {DOCS.name}, {baseline(name).name} and {baseline(f'{name}-part').name} are new")
    return 0


def keep_baseline(name: str, folder: Path) -> str:
    """Measure a folder of labels and pictures, write its baseline, and give its tables."""
    with tempfile.TemporaryDirectory() as place:
        tables, result = measure(folder, Path(place))
    baseline(name).write_text(json.dumps(pruned(result), ensure_ascii=False) + "\n", encoding="utf-8")
    return tables


def part(name: str, whole: Path, folder: Path) -> Path:
    """Fill `folder` with pictures at equal distances in the order of their paths, and all label files; returns it."""
    pictures = sorted(path for path in (whole / "images").rglob("*") if path.is_file())
    for path in [*pictures[:: EVERY[name]], *whole.glob("*.json"), *whole.glob("*.txt")]:
        place = folder / path.relative_to(whole)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return folder


def baseline(name: str) -> Path:
    """Where the gate finds what a collection reached."""
    return BASELINES / f"{MODEL}-{name}.json"


def measure(folder: Path, place: Path) -> tuple[str, dict[str, Any]]:
    """Index `folder/images` in `place` and evaluate by the label files in `folder`: tables and JSON."""
    environment = {**os.environ, "SEARCH_MODEL": MODEL, "SEARCH_INDEX_DIR": str(place / "index")}
    out, markdown = place / "result.json", place / "tables.md"
    for command in (
        ["index", str(folder / "images")],
        ["evaluate", "--labels", str(folder), "--json", str(out), "--markdown", str(markdown)],
    ):
        subprocess.run([sys.executable, "-m", "search_app", *command], cwd=ROOT, env=environment, check=True)
    return markdown.read_text("utf-8"), json.loads(out.read_text("utf-8"))


def pruned(result: dict[str, Any]) -> dict[str, Any]:
    """What the gate needs: means and queries of every system but chance, in few digits."""
    sections = {
        section: {
            "systems": {
                name: {"measures": report["measures"], "queries": report["queries"]}
                for name, report in each["systems"].items()
                if name != "random"
            }
        }
        for section, each in result["sections"].items()
    }
    return {"sections": rounded(sections)}


def rounded(value: Any) -> Any:
    """All numbers in `value` with `DIGITS` decimals."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def replaced(text: str, name: str, tables: str) -> str:
    """The docs with the tables of one collection between their two marks exchanged."""
    begin, end = f"<!-- tables: {name} -->", f"<!-- end of tables: {name} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(text):
        raise SystemExit(f"{DOCS}: has no place for tables ({begin} ... {end})")
    return found.sub(lambda _: f"{begin}\n{tables.strip()}\n{end}", text)


if __name__ == "__main__":
    raise SystemExit(main())
