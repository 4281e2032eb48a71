"""Which pictures a folder holds: in the same order on every machine, and nothing but regular files is ever opened."""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from search_app.datatypes import ImageRef, MetaValue
from search_app.errors import IngestError
from search_app.images.formats import FOREIGN_SUFFIXES, HEAD_BYTES, SUFFIXES, sniff_format


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """Something that may be a picture, or may hold some, but cannot be used."""

    path: str
    """Relative to the folder, POSIX separators; bytes that are not UTF-8 are written as `\\xff`."""
    reason: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a folder holds."""

    found: list[ImageRef]
    """Files that may be pictures, sorted by path."""
    skipped: list[SkippedFile]
    """Sorted by path."""
    unseen: frozenset[str] = frozenset()
    """Paths of files and folders that the system refused to show this time; `.` is all."""
    meta: Mapping[str, Mapping[str, MetaValue]] | None = None
    """What the source itself says about pictures, by path; None where it is of a kind that says nothing."""

    def is_hidden(self, path: str) -> bool:
        """Whether `path` could not be looked at this time, so that nobody knows whether it is still there."""
        return not self.unseen.isdisjoint((path, *map(str, PurePosixPath(path).parents)))


def scan_images(folder: Path) -> ScanResult:
    """Find the pictures in `folder` and below.

    A file counts by its suffix, in any case, or, where the suffix says nothing, by its first bytes. Names that begin
    with a dot are passed over.

    Links are followed inside the folder only, and each file counts once: a link adds nothing where its target is found
    under its own path, which also ends loops; one to a hidden place (as git-annex makes them) is found under the
    link's name. A link that leaves the folder or leads nowhere is reported.

    Raises `IngestError` where `folder` is missing, no folder, or unreadable.
    """
    root = require_folder(folder)
    scan = _Scan(root)
    scan.walk("", "")
    scan.follow_links()
    return scan.result()


def scan_paths(folder: Path, paths: Iterable[str]) -> ScanResult | None:
    """What `scan_images` would find at some paths, and below them; None where links are there, which it alone follows.

    Raises `IngestError` as it does.
    """
    scan = _Scan(require_folder(folder))
    for path in sorted(paths):
        try:
            status = os.lstat(scan.root / path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            scan.refuse(path, f"cannot be read: {error.strerror}", unseen=True)
            continue
        if any((scan.root / part).is_symlink() for part in (path, *map(str, PurePosixPath(path).parents))):
            return None
        if stat.S_ISDIR(status.st_mode):
            scan.walk(path, path)
        else:
            scan.take_file(path, path, status)
    return None if scan.links else scan.result()


def require_folder(folder: Path) -> Path:
    """The folder with its links resolved; raises `IngestError` where it is missing, no folder, or unreadable."""
    try:
        root = folder.expanduser().resolve(strict=True)
        with os.scandir(root):
            pass
    except FileNotFoundError:
        raise IngestError(f"{folder} does not exist: give a folder of pictures") from None
    except NotADirectoryError:
        raise IngestError(f"{folder} is a file: give the folder that holds it") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, in Python before 3.13
        raise IngestError(f"{folder} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return root


@dataclass(slots=True)
class _Scan:
    """A scan under way. A path has two forms: as found, perhaps through links, and real; both relative to the root."""

    root: Path
    found: list[ImageRef] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)
    links: deque[str] = field(default_factory=deque)
    """To be followed when all real paths are known."""
    files: set[str] = field(default_factory=set)
    """Real paths of `found`."""
    folders: set[str] = field(default_factory=set)
    """Real paths of the folders walked; the root is the empty path."""

    def result(self) -> ScanResult:
        """All of it, in order."""
        return ScanResult(
            found=sorted(self.found, key=lambda ref: ref.path),
            skipped=sorted(self.skipped, key=lambda item: item.path),
            unseen=frozenset(self.unseen),
        )

    def walk(self, top: str, real_top: str) -> None:
        """Look at a real folder and all real folders below it."""
        stack = [(top, real_top)]
        while stack:
            path, real = stack.pop()
            if real in self.folders:
                continue
            self.folders.add(real)
            try:
                with os.scandir(self.root / real) as entries:
                    listing = [entry for entry in entries if not entry.name.startswith(".")]
            except FileNotFoundError:
                continue  # removed since its own folder was listed
            except OSError as error:
                self.refuse(path, f"the folder cannot be read: {error.strerror}", unseen=True)
                continue
            for entry in listing:
                here, real_here = _join(path, entry.name), _join(real, entry.name)
                try:
                    if self._is_real_folder(entry, here, real_here):
                        stack.append((here, real_here))
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self.refuse(here, f"cannot be read: {error.strerror}", unseen=True)

    def _is_real_folder(self, entry: os.DirEntry[str], path: str, real: str) -> bool:
        """Take a file, keep a link for later, and tell whether the entry is a folder to walk."""
        if entry.is_symlink():
            self.links.append(path)
        elif not entry.is_dir(follow_symlinks=False):
            self.take_file(path, real, entry.stat(follow_symlinks=False))
        elif _is_utf8(entry.name):
            return True
        else:
            self.refuse(path, "the folder's name is not valid UTF-8: rename it to have its pictures found")
        return False

    def follow_links(self) -> None:
        """Follow the links in path order; those in a folder reached by a link come last."""
        self.links = deque(sorted(self.links))
        while self.links:
            path = self.links.popleft()
            try:
                target = (self.root / path).resolve(strict=True)
                status = target.stat()
            except (OSError, RuntimeError) as error:
                self._refuse_link(path, error)
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            if not target.is_relative_to(self.root):
                if is_folder or _suffix(path) in SUFFIXES:
                    self.refuse(path, "a link out of the indexed folder: not followed")
                continue
            real = "" if target == self.root else target.relative_to(self.root).as_posix()
            if not is_folder:
                self.take_file(path, real, status)
            elif real == "" or path.startswith(f"{real}/"):
                self.refuse(path, "a link to a folder it is in (a loop): not followed")
            else:
                self.walk(path, real)

    def take_file(self, path: str, real: str, status: os.stat_result) -> None:
        """Take what may be a picture, and tell of what cannot be used."""
        suffix = _suffix(path)
        if real in self.files:
            return
        if not stat.S_ISREG(status.st_mode):
            if suffix in SUFFIXES:
                self.refuse(path, "a FIFO, socket or device: never opened")
        elif suffix in FOREIGN_SUFFIXES:
            self.refuse(path, f"pictures in {suffix[1:].upper()} format are not read: convert it to JPEG or PNG")
        elif suffix in SUFFIXES or _looks_like_picture(self.root / real):
            if not _is_utf8(path):
                self.refuse(path, "the name is not valid UTF-8: rename it")
                return
            self.files.add(real)
            self.found.append(ImageRef(path, status.st_size, status.st_mtime_ns))

    def _refuse_link(self, path: str, error: OSError | RuntimeError) -> None:
        if isinstance(error, FileNotFoundError):
            if _suffix(path) in SUFFIXES:
                self.refuse(path, "a link to a file that does not exist")
        elif isinstance(error, RuntimeError) or error.errno == errno.ELOOP:
            self.refuse(path, "a link that leads back to itself (a loop): not followed")
        else:
            self.refuse(path, f"a link that cannot be followed: {error.strerror}", unseen=True)

    def refuse(self, path: str, reason: str, *, unseen: bool = False) -> None:
        """Tell of something that cannot be used, or not be looked at this time."""
        if unseen:
            self.unseen.add(path or ".")
        self.skipped.append(SkippedFile(os.fsencode(path or ".").decode("utf-8", "backslashreplace"), reason))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 - a million times, where Path costs five times as much


def _is_utf8(path: str) -> bool:
    """Whether a name has only valid UTF-8: Python carries other bytes as lone surrogates (PEP 383)."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def _looks_like_picture(path: Path) -> bool:
    """Look at the first bytes of a file that was regular a moment ago; one that cannot be opened is no picture."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return False
    try:
        return sniff_format(os.read(descriptor, HEAD_BYTES)) is not None
    except OSError:
        return False
    finally:
        os.close(descriptor)
