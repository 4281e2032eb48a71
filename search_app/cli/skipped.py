"""What could not be used, on a terminal: the first few, and how many more."""

from collections.abc import Sequence

from search_app.cli.plain import plain
from search_app.ingest.report import Skipped

SHOWN_SKIPPED = 20


def list_skipped(items: Sequence[Skipped], what: str, *, all_of_them: str = "") -> None:
    """Print a line each; `all_of_them` says where the rest is told."""
    for item in items[:SHOWN_SKIPPED]:
        print(plain(f"  {what} {item.path}: {item.reason}"), flush=True)
    if len(items) > SHOWN_SKIPPED:
        print(f"  ... and {len(items) - SHOWN_SKIPPED} more{all_of_them}", flush=True)
