"""Files in the indexed folder: written whole or not at all, never over another one, and never outside of it."""

import contextlib
import errno
import os
import secrets
import time
from pathlib import Path, PurePosixPath

from search_app.errors import BadRequest, DiskFull, FolderClosed, ImageError, IngestError, NameTaken, SearchAppError
from search_app.images.decode import read_image_file
from search_app.images.fingerprints import content_hash
from search_app.index.files import sync_folder

_BEGUN = ".adding-"
"""What is not written to its end is called so; the scan passes over names that begin with a dot."""
_FORGOTTEN_AFTER_S = 3_600.0
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class PictureFolder:
    """The indexed folder as the service writes to it; paths are checked by `names` before they come here."""

    def __init__(self, root: Path) -> None:
        """Raises `IngestError` where the folder is not there: it is never made, its disk may not be mounted."""
        if not root.is_dir():
            raise IngestError(
                f"the indexed folder {root.name!r} is not there: is its disk mounted, and is it on this machine?"
            )
        self.root = root.resolve()

    def content(self, path: str) -> str | None:
        """The content hash of the file at `path`, empty for something that is no file to read; None: nothing there.

        Raises `BadRequest` where the path goes over a link or through a file.
        """
        self._check_way(path)
        file = self.root / path
        if not os.path.lexists(file):
            return None
        try:
            return content_hash(read_image_file(file)) if not file.is_symlink() else ""
        except ImageError:
            return ""

    def write(self, path: str, data: bytes) -> None:
        """Make a new file; when this returns, its content and its name are on the disk.

        Raises `NameTaken` where something came under that name meanwhile, `FolderClosed` or `DiskFull`.
        """
        file = self.root / path
        begun = file.with_name(f"{_BEGUN}{os.getpid()}-{secrets.token_hex(8)}")
        try:
            self._make_folders(file.parent)
            _sweep(file.parent)
            try:
                _write(begun, data)
                _move(begun, file)
            finally:
                begun.unlink(missing_ok=True)
            sync_folder(file.parent)
        except OSError as error:
            raise _told(error, path, self.root) from error

    def status(self, path: str) -> os.stat_result:
        """Size and time of a file that was there just now."""
        try:
            return (self.root / path).stat()
        except OSError as error:
            raise _told(error, path, self.root) from error

    def remove(self, path: str) -> None:
        """Remove a file, or the link that stands for one; no harm where it is gone. Raises `FolderClosed`."""
        file = self.root / path
        try:
            if file.parent.resolve(strict=True).is_relative_to(self.root):
                file.unlink(missing_ok=True)
                sync_folder(file.parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise _told(error, path, self.root) from error

    def _check_way(self, path: str) -> None:
        """A folder reached by a link is found by the scan under its own name: two names for one picture."""
        here = self.root
        for part in PurePosixPath(path).parts[:-1]:
            here /= part
            name = here.relative_to(self.root).as_posix()
            if here.is_symlink():
                raise BadRequest(f"{path!r}: {name!r} is a link; use the name of what it leads to", "path")
            if here.exists() and not here.is_dir():
                raise BadRequest(f"{path!r}: {name!r} is a file, no folder; choose another name", "path")

    def _make_folders(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def _write(file: Path, data: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _move(begun: Path, file: Path) -> None:
    """Give the file its name. A second link fails where that name is taken, which a rename would not."""
    try:
        os.link(begun, file)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links: the name was free a moment ago, and nobody else writes for this service.
        if os.path.lexists(file):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(file)) from None
        begun.rename(file)


def _sweep(folder: Path) -> None:
    """Remove what a killed process began; younger ones may be another service's, of another collection."""
    for left in folder.glob(f"{_BEGUN}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _FORGOTTEN_AFTER_S:
                left.unlink()


def _told(error: OSError, path: str, root: Path) -> SearchAppError:
    reason = error.strerror or str(error)
    if isinstance(error, FileExistsError):
        return NameTaken(f"{path!r} is taken: choose another name, or remove what is there")
    if error.errno in _CLOSED:
        return FolderClosed(
            f"{path!r}: the service may not write to the indexed folder ({reason}): give its user the right to, and "
            f"mount the folder {root.name!r} writable; or change the folder itself and index it again"
        )
    if error.errno in _FULL:
        return DiskFull(f"the disk of the indexed folder {root.name!r} is full: free some space, then try again")
    if error.errno == errno.ENAMETOOLONG:
        return BadRequest(f"{path!r} is too long a name for this disk: shorten it", "path")
    return IngestError(f"{path!r} cannot be written to or removed from the indexed folder {root.name!r}: {reason}")
