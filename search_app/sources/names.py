"""Which names of a store, an archive or a list are taken for pictures: those that a folder could have."""

import os
from collections.abc import Iterable

from search_app.images.formats import FOREIGN_SUFFIXES, SUFFIXES
from search_app.images.scan import SkippedFile

MAX_NAME_BYTES = 1_024
"""As object stores have it for keys."""


def fault_of(path: str) -> str:
    """Why a name cannot be used; empty where it can."""
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "the name leads elsewhere (an empty part, . or ..): rename it"
    return fault_of_text(path)


def fault_of_text(path: str) -> str:
    """Why a name or an address cannot even be stored and shown; empty where it can."""
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        return "the name is not valid UTF-8: rename it"
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        return "the name has a control character: rename it"
    if len(path.encode()) > MAX_NAME_BYTES:
        return f"the name is longer than {MAX_NAME_BYTES} bytes: shorten it"
    return ""


def is_passed_over(path: str) -> bool:
    """Whether a part of the name begins with a dot, as hidden files and folders do."""
    return any(part.startswith(".") and part not in {".", ".."} for part in path.split("/"))


def suffix_of(path: str) -> str:
    """The last suffix in small letters, with its dot."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 - a million times, where Path costs five times as much


def is_picture(path: str) -> bool:
    """Whether a name says that it is a picture of a format that is read; only a folder is looked at beyond that."""
    return suffix_of(path) in SUFFIXES


def foreign(path: str) -> SkippedFile | None:
    """What is told about a photograph in a format that is not read."""
    suffix = suffix_of(path)
    if suffix not in FOREIGN_SUFFIXES:
        return None
    return refused(path, f"pictures in {suffix[1:].upper()} format are not read: convert it to JPEG or PNG")


def refused(path: str, reason: str) -> SkippedFile:
    """A name with a reason, in a form that can be shown and stored."""
    return SkippedFile(os.fsencode(path).decode("utf-8", "backslashreplace"), reason)


def sidecars_of(path: str) -> Iterable[str]:
    """Names of the text file that may lie beside a picture, the one that wins first; see `words.sidecar`."""
    return f"{path}.txt", f"{os.path.splitext(path)[0]}.txt"  # noqa: PTH122 - as above
