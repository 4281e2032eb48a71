"""Makes the tables of docs/performance.md and docs/scale.md from the results that are kept; nothing is measured."""

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks import tables
from benchmarks.speed import results, targets

_DOCS = Path(__file__).parents[2] / "docs"
PAGES = (_DOCS / "performance.md", _DOCS / "scale.md")


def kept(folder: Path = results.RESULTS) -> list[str]:
    """Names of the benchmarks whose results are kept."""
    return sorted(path.stem for path in folder.glob("*.json"))


def rendered(name: str) -> str:
    """The table of a benchmark, and below it where and how its figures were made."""
    result = results.read(name)
    table: str = import_module(f"benchmarks.speed.{name}").table(result)
    return f"{table.strip()}\n\n{result.where}"


def page_of(name: str) -> Path:
    """The page that has a place for a table: the first one where none has."""
    return next((page for page in PAGES if f"<!-- table: {name} -->" in page.read_text("utf-8")), PAGES[0])


def main() -> None:
    """Put every table into its place."""
    argparse.ArgumentParser(prog="python -m benchmarks tables", description=__doc__).parse_args()
    for name in kept():
        tables.put(page_of(name), name, rendered(name))
    tables.put(PAGES[0], "targets", targets.table())


if __name__ == "__main__":
    main()
