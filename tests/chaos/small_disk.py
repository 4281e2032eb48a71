"""A disk of some megabytes that only its test fills: a tmpfs in a mount namespace of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import clean_environment


@dataclass(frozen=True)
class SmallDisk:
    """The disk and who holds it."""

    outside: Path
    """Its folder as every process may name it, but SQLite, which takes the path of a link apart."""
    place: Path
    """Its folder inside of the namespace."""
    holder: int

    def run(self, script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run Python inside of the namespace."""
        command = ["nsenter", f"--target={self.holder}", "--mount", sys.executable, "-c", script, *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), timeout=240, check=False
        )


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount it; skips where namespaces are not allowed."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only, with `unshare` and `nsenter` of util-linux")
    place.mkdir()
    script = f'mount -t tmpfs -o size={megabytes}m none "$0" && echo mounted && exec cat'
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"no small disk can be mounted here: {holder.stderr.read().strip()}")
        yield SmallDisk(Path(f"/proc/{holder.pid}/root{place}"), place, holder.pid)
    finally:
        holder.communicate()


def fill(disk: Path, *, leave: int) -> Path:
    """A file that takes all but `leave` bytes of the disk; remove it to make room."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(disk).free - leave, 1))
    return ballast
