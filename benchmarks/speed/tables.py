"""Makes the tables of docs/performance.md from the results that are kept; nothing is measured."""

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks import tables
from benchmarks.speed import results

DOCS = Path(__file__).parents[2] / "docs" / "performance.md"


def kept(folder: Path = results.RESULTS) -> list[str]:
    """Names of the benchmarks whose results are kept."""
    return sorted(path.stem for path in folder.glob("*.json"))


def rendered(name: str) -> str:
    """The table of a benchmark, and below it where and how its figures were made."""
    result = results.read(name)
    table: str = import_module(f"benchmarks.speed.{name}").table(result)
    return f"{table.strip()}\n\n{result.where}"


def main() -> None:
    """Put every table into its place."""
    argparse.ArgumentParser(prog="python -m benchmarks tables", description=__doc__).parse_args()
    for name in kept():
        tables.put(DOCS, name, rendered(name))


if __name__ == "__main__":
    main()
