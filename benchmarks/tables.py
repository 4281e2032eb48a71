"""Tables in the docs that a benchmark writes: between two marks, exchanged whole."""

import re
from pathlib import Path


def put(page: Path, name: str, table: str) -> None:
    """Exchange the table called `name` on a page, and print it; exits where the page has no place for it."""
    print(f"\n{name}\n\n{table}\n", flush=True)
    begin, end = f"<!-- table: {name} -->", f"<!-- end of table: {name} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    text = page.read_text("utf-8")
    if not found.search(text):
        raise SystemExit(f"{page}: has no place for a table ({begin} ... {end})")
    page.write_text(found.sub(lambda _: f"{begin}\n\n{table.strip()}\n\n{end}", text), encoding="utf-8")
