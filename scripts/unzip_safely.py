"""Unzip an archive nobody vouches for, all of it or nothing.

    python3 scripts/unzip_safely.py ARCHIVE FOLDER

The folders that all files share are left out: `0/1.jpg` and `1.jpg` both become FOLDER/1.jpg. Every checksum is
verified before FOLDER changes. An archive is refused whole when a name leads outside, when an entry is a link or a
device, or when it unpacks to suspiciously much. Prints the number of files, or one sentence and exits 1.
Needs only the standard library of Python 3.9 or newer.
"""
# ruff: noqa: INP001, T201 - a script for the terminal, in no package

import os
import re
import shutil
import stat
import sys
import zipfile
from pathlib import Path, PurePosixPath

LARGEST_RATIO = 100
"""Unpacked to packed size: pictures have 1, label files about 10, bombs 1,000 and more."""


class Refused(Exception):
    """The archive is not to be trusted, or there is no room for it."""


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(unzip(Path(arguments[0]), Path(arguments[1])))
    except Exception as error:  # noqa: BLE001 - hostile bytes make zipfile raise nearly anything; all of it means this
        print(f"not a usable zip: {error}", file=sys.stderr)
        return 1
    return 0


def unzip(archive: Path, folder: Path) -> int:
    """Unpack into a hidden folder beside FOLDER, then move; returns the number of files."""
    scratch = folder.with_name(f".{folder.name}.unzipping")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as content:
            files = trusted_files(content.infolist(), archive.stat().st_size)
            room = shutil.disk_usage(folder.parent).free
            if sum(member.file_size for member in files.values()) > room:
                raise Refused(f"its content does not fit into the {room / 1e6:.1f} MB free at {folder.parent}")
            for name, member in files.items():
                extract(content, member, scratch / name)
        move(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return len(files)


def trusted_files(members: list[zipfile.ZipInfo], packed_size: int) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files worth having by their name under FOLDER; raises `Refused` when any entry is suspicious."""
    for member in members:
        check(member)
    if sum(member.file_size for member in members) > LARGEST_RATIO * packed_size:
        raise Refused(f"it unpacks to more than {LARGEST_RATIO} times its size")
    files = {PurePosixPath(member.filename): member for member in members if not member.is_dir()}
    files = {name: member for name, member in files.items() if not is_litter(name)}
    if not files:
        raise Refused("it holds no files")
    shared = os.path.commonpath([name.parent for name in files])
    return {name.relative_to(shared): member for name, member in files.items()}


def check(member: zipfile.ZipInfo) -> None:
    """Refuse names that lead outside and everything that is neither a file nor a folder."""
    name = member.orig_filename
    if name.startswith("/") or re.match(r"[A-Za-z]:|.*[\\\0]", name, re.DOTALL) or ".." in name.split("/"):
        raise Refused(f"the name {name!r} leads outside the folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise Refused(f"{name!r} is a link or a device")


def is_litter(name: PurePosixPath) -> bool:
    """What desktop systems leave in archives."""
    return name.parts[0] == "__MACOSX" or name.name.startswith(".")


def extract(content: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one file; reading to the end verifies its checksum."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with content.open(member) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def move(scratch: Path, folder: Path) -> None:
    """Give the unpacked folder its name; where FOLDER exists, its files of the same names are replaced one by one."""
    if not folder.exists():
        scratch.rename(folder)
        return
    for file in sorted(path for path in scratch.rglob("*") if path.is_file()):
        target = folder / file.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
