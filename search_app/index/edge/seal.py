"""The seal of a shard that nobody changes any more: size and checksum of each of its files.

The engine keeps no checksums: a page of vectors that was overwritten gives wrong answers and no error. CRC-32 (ITU-T
V.42) notices what disks and careless hands do and runs at a gigabyte a second on a core; whoever may write into the
folder could make any seal anew. Holes cost nothing and count as the zeros they read as.
"""

import json
import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

from search_app.index.files import data_ranges, write_atomically

SEAL = "seal.json"
_CHANGES_WHEN_OPENED = {"edge_config.json", "segment.json"}
"""Rewritten by the engine whenever it opens a shard; it refuses them when they are not in their form."""
_BLOCK = 256 * 1024
_ZEROS = bytes(_BLOCK)
Marks: TypeAlias = dict[str, tuple[int, int]]
"""Size and checksum of each file by its path in the shard."""


def write_seal(shard: Path) -> None:
    """Seal a closed shard that the engine has opened once since its last change: that tidies its journals away."""
    marks = dict(_marks(shard, _sealed_files(shard)))
    write_atomically(shard / SEAL, json.dumps(marks, indent=0).encode())


def remove_seal(shard: Path) -> None:
    """Before a sealed shard is changed."""
    (shard / SEAL).unlink(missing_ok=True)


def broken_seal(shard: Path) -> str:
    """What is not as it was sealed; empty where all of it is."""
    try:
        marks: Marks = {name: (int(size), int(crc)) for name, (size, crc) in json.loads(_read(shard)).items()}
    except FileNotFoundError:
        return f"{SEAL} is gone"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return f"{SEAL} cannot be read ({type(error).__name__})"
    try:
        found = dict(_marks(shard, sorted(marks)))
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror})"
    changed = [name for name in marks if found[name] != marks[name]]
    return f"{changed[0]} is not what was stored" if changed else ""


def _read(shard: Path) -> bytes:
    return (shard / SEAL).read_bytes()


def _sealed_files(shard: Path) -> list[str]:
    paths = [path.relative_to(shard) for path in shard.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in paths if _is_sealed(path))


def _is_sealed(path: Path) -> bool:
    """Not the seal itself, nor what a writer that was killed while it wrote one left beside it."""
    return path.name not in _CHANGES_WHEN_OPENED and not path.name.startswith(SEAL)


def _marks(shard: Path, names: list[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    with ThreadPoolExecutor(thread_name_prefix="seal") as threads:
        yield from zip(names, threads.map(lambda name: _mark(shard / name), names), strict=True)


def _mark(path: Path) -> tuple[int, int]:
    with path.open("rb", buffering=0) as file:
        descriptor = file.fileno()
        size, crc, done = os.fstat(descriptor).st_size, 0, 0
        for start, end in data_ranges(descriptor, size):
            for offset in range(max(done, start - start % _BLOCK), end, _BLOCK):
                block = os.pread(descriptor, _BLOCK, offset)
                done = offset + _BLOCK
                if block != _ZEROS[: len(block)]:
                    crc = zlib.crc32(block, zlib.crc32(offset.to_bytes(8), crc))
    return size, crc
