"""Names of physical collections: `NAME__000001`, `NAME__000002`, ..."""

import re


def physical(collection: str, number: int) -> str:
    """The name of the physical collection of this number."""
    return f"{collection}__{number:06d}"


def number_of(collection: str, name: str | None) -> int:
    """The number of a physical collection of this one; 0 for any other name."""
    match = re.fullmatch(re.escape(collection) + r"__(\d{6,})", name or "")
    return int(match[1]) if match else 0
