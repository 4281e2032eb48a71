"""`CURRENT`, the file that names the generation readers answer from, and the way back where it is damaged or gone."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from search_app.errors import IndexDamaged
from search_app.index.files import Signature, signature_of, write_atomically

logger = logging.getLogger(__name__)

_GENERATION = re.compile(r"gen-(\d{6,})")
_FIRST = "gen-000001"


def committed(place: Path) -> Iterator[tuple[int, Path]]:
    """The generations in a collection's folder by their numbers, in no order."""
    for entry in place.iterdir():
        if match := _GENERATION.fullmatch(entry.name):
            yield int(match[1]), entry


class Pointer:
    """`CURRENT` in the folder of a collection."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._path = place / "CURRENT"

    def signature(self) -> Signature | None:
        """Changes whenever it is moved; None while there is none."""
        return signature_of(self._path)

    def generation(self) -> Path | None:
        """The generation it names; None while there is none. Raises `IndexDamaged` for anything but such a name."""
        try:
            name = self._path.read_text(errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not _GENERATION.fullmatch(name):
            raise self.broken(f"holds {name[:40]!r} and not a generation's name")
        return self._place / name

    def move(self, generation: Path) -> None:
        """Name another one, durably."""
        write_atomically(self._path, f"{generation.name}\n".encode())

    def find_again(self) -> None:
        """Name the newest generation where there is no pointer.

        A generation is whole before it has its name: also that of a first run that was killed just then.
        """
        newest = self._newest()
        if newest is not None and self.signature() is None:
            logger.warning("%s is gone: going on from %s", self._path, newest)
            self.move(newest)

    def refuse_to_be_gone(self) -> None:
        """Raise `IndexDamaged` where there is no pointer though there was one.

        Beside the first generation there is none yet while it is being committed.
        """
        newest = self._newest()
        if newest is not None and newest.name != _FIRST and self.signature() is None:
            raise IndexDamaged(
                f"{self._path} is gone, which names the generation to answer from: run "
                f"`python -m search_app index FOLDER`, which finds {newest.name} again"
            )

    def broken(self, what: str) -> IndexDamaged:
        """The error of a pointer that cannot be followed; `what` says why."""
        newest = self._newest()
        instead = f"write {newest.name} into it, " if newest is not None else ""
        return IndexDamaged(
            f"{self._path} {what}: {instead}restore {self._place} from a backup, or remove it and index the "
            f"folder again"
        )

    def _newest(self) -> Path | None:
        try:
            return max(committed(self._place), default=(0, None))[1]
        except (FileNotFoundError, NotADirectoryError):
            return None
