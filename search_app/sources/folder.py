"""A folder of this machine: the first source, and the only one that the service writes to."""

import os
from pathlib import Path

from search_app.datatypes import ImageRef, PrintedWords
from search_app.errors import Unreadable, WordsError
from search_app.images.decode import read_image_file
from search_app.images.scan import ScanResult, require_folder, scan_images
from search_app.words.sidecar import find_sidecar, read_sidecar

_LEADS_OUT = "a link out of the indexed folder: not followed"


class FolderSource:
    """Pictures in a folder and below; see `images.scan`."""

    def __init__(self, folder: Path) -> None:
        """Raises `IngestError` where `folder` is missing, no folder, or unreadable."""
        self.folder = require_folder(folder)

    @property
    def location(self) -> str:
        """Absolute path, links resolved."""
        return str(self.folder)

    def scan(self) -> ScanResult:
        """What it holds now."""
        return scan_images(self.folder)

    def read(self, ref: ImageRef) -> bytes:
        """The whole file, through links that stay in the folder; since the scan one may have been turned elsewhere."""
        real = self._inside(self.folder / ref.path)
        if real is None:
            raise Unreadable(_LEADS_OUT)
        return read_image_file(real)

    def words_beside(self, path: str) -> PrintedWords | None:
        """From `NAME.jpg.txt` or `NAME.txt`; what others may not read is not to be found by its words."""
        sidecar = find_sidecar(self.folder / path)
        if sidecar is None:
            return None
        if self._inside(sidecar) is None:
            raise WordsError(f"{sidecar.name}: {_LEADS_OUT}; delete it, and the picture itself is read")
        return read_sidecar(sidecar)

    def _inside(self, path: Path) -> Path | None:
        """Where a path leads, links followed; None where that is not in the folder."""
        real = Path(os.path.realpath(path))
        return real if real.is_relative_to(self.folder) else None
