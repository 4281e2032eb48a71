"""Which names a picture that is sent to the service may have: only such as an index run finds, inside the folder."""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from search_app.errors import BadRequest, FolderClosed
from search_app.images.formats import SUFFIXES
from search_app.sources.locations import is_folder

MAX_PART_BYTES = 255
MAX_BYTES = 1_024


def check_name(name: str, parameter: str) -> str:
    """The path of a picture relative to the indexed folder, POSIX separators; raises `BadRequest` that says why not.

    Stricter than the scan, which takes what is there: these names come from strangers and go into other programs too.
    """
    reason = _reason(name)
    if reason:
        shown = name if len(name) <= 80 else name[:77] + "..."
        raise BadRequest(f"{shown!r} cannot be the name of a picture: {reason}", parameter)
    return name


def require_folder_of_ours(location: str) -> None:
    """Raise `FolderClosed` where a collection was indexed from something else than a folder of this machine."""
    if not is_folder(location):
        raise FolderClosed(
            f"the pictures of this collection come from {PurePosixPath(location).name!r}, which is no folder of this "
            "machine: the service does not write there. Add or remove them where they lie, then index again"
        )


def _reason(name: str) -> str:
    parts = name.split("/")
    rules = (
        (_is_printable(name), "it has a control character or is no valid Unicode; leave that out"),
        (
            "\\" not in name and not name.startswith("/") and name[1:2] != ":",
            "it must be relative to the indexed folder, with / between its parts, as in cars/red.jpg",
        ),
        (
            not any(part.startswith(".") for part in parts),
            "no part of it may begin with a dot: such names leave the folder or are passed over",
        ),
        (
            all(part and part == part.strip() for part in parts),
            "no part of it may be empty, or begin or end with a space",
        ),
        (not _is_long(parts), f"it is longer than {MAX_PART_BYTES} bytes a part or {MAX_BYTES} in all; shorten it"),
        (
            PurePosixPath(name).suffix.lower() in SUFFIXES,
            f"it must end as pictures do: {', '.join(sorted(SUFFIXES))}",
        ),
    )
    return next((reason for is_kept, reason in rules if not is_kept), "")


def _is_printable(name: str) -> bool:
    """Neither control characters nor line ends, nor halves of a character as surrogates are."""
    return not any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in name)


def _is_long(parts: Sequence[str]) -> bool:
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    return max(sizes) > MAX_PART_BYTES or sum(sizes) + len(sizes) > MAX_BYTES
