"""Pictures whose words wait to be read in quiet moments, a few at a time: whoever adds a picture waits for nobody."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from search_app.datatypes import EncoderSpec, Manifest
from search_app.images.formats import SUFFIXES
from search_app.index.base import IndexStore
from search_app.ingest.adding.holdings import Holdings
from search_app.ingest.report import Skipped
from search_app.ingest.words_pass import WordsParts, run_words_of
from search_app.sources.base import Source

AT_ONCE = 8
"""Pictures whose words are read, and shown, together: who ends the program waits for them."""
_SIDECAR = ".txt"


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a few came to."""

    pictures: int = 0
    failed: Sequence[Skipped] = ()
    left: int = 0
    """Pictures that wait still."""


class Unread:
    """Pictures to read, in the order they came."""

    def __init__(self, source: Source, spec: EncoderSpec, store: IndexStore, parts: WordsParts | None) -> None:
        self._source, self._spec, self._store, self._parts = source, spec, store, parts
        self._ids: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._ids)

    def note(self, indexed: Sequence[str], touched: Collection[str], held: Holdings | None) -> None:
        """Note pictures that were embedded, and those beside which a text file came, went or changed."""
        if self._parts is not None and held is not None:
            beside = [path for text in touched if text.endswith(_SIDECAR) for path in _pictures_of(text)]
            ids = {path: held.id_at(path) for path in [*indexed, *beside]}
            self._ids |= {path: number for path, number in ids.items() if number is not None}

    def look_for_all(self) -> None:
        """Note all pictures of the index that nobody has read."""
        if self._parts is not None:
            wanted = self._parts.spec.fingerprint
            with self._store.writer(self._spec, self._source.location) as writer:
                self._ids |= {one.picture.path: one.id for one in writer.scan() if one.words_by != wanted}

    def read_some(self, on_commit: Callable[[Manifest, Manifest], None]) -> Read:
        """Read the first few, perhaps in another thread than the one that notes more.

        `on_commit` is told, while the collection is held, which manifest followed which.
        """
        if self._parts is None:
            return Read()
        some = [*self._ids.items()][:AT_ONCE]
        with self._store.writer(self._spec, self._source.location) as writer:
            there = writer.fetch([number for _, number in some])
        pictures = {there[n].picture.ref: n for path, n in some if n in there and there[n].picture.path == path}
        report = run_words_of(pictures, self._source, self._parts, self._spec, self._store, on_commit)
        for path, _ in some:
            self._ids.pop(path, None)
        return Read(report.read, report.failed, len(self._ids))


def _pictures_of(text: str) -> list[str]:
    """The paths of pictures that a text file may belong to."""
    name = text.removesuffix(_SIDECAR)
    suffixes = [*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)]
    longer = [name] if PurePosixPath(name).suffix.lower() in SUFFIXES else []
    return [*longer, *(f"{name}{suffix}" for suffix in suffixes)]
