"""Pictures below an address: a prefix of an object store, or a folder of a web server."""

from search_app.datatypes import ImageRef, PrintedWords
from search_app.errors import ImageError, ImageTooLarge, WordsError
from search_app.images.scan import ScanResult, SkippedFile
from search_app.sources.base import Limits
from search_app.sources.names import fault_of, foreign, is_passed_over, is_picture, refused, sidecars_of, suffix_of
from search_app.sources.stores import FileStore
from search_app.words.sidecar import MAX_SIDECAR_BYTES, sidecar_words


class TreeSource:
    """Like a folder, but for what only a file system has: links, and looking into files without a suffix."""

    def __init__(self, location: str, store: FileStore, limits: Limits) -> None:
        self._location, self._store, self._limits = location, store, limits
        self._texts: frozenset[str] | None = None

    @property
    def location(self) -> str:
        """The address without a slash at its end."""
        return self._location

    def scan(self) -> ScanResult:
        """One listing; what text files there are is kept for `words_beside`."""
        listing = self._store.find(_is_wanted, deep=True)
        found: list[ImageRef] = []
        skipped = list(listing.skipped)
        for file in listing.files:
            fault = fault_of(file.path)
            if is_picture(file.path) and not fault:
                found.append(ImageRef(file.path, file.size_bytes, file.mtime_ns, file.version))
            elif fault and is_picture(file.path):
                skipped.append(refused(file.path, fault))
            elif (told := foreign(file.path)) is not None:
                skipped.append(told)
        self._texts = frozenset(file.path for file in listing.files if suffix_of(file.path) == ".txt")
        return ScanResult(
            found=sorted(found, key=lambda ref: ref.path),
            skipped=sorted(skipped, key=_path_of),
            unseen=frozenset(listing.unseen),
        )

    def read(self, ref: ImageRef) -> bytes:
        """One object or file, whole."""
        return read_whole(self._store, ref, self._limits)

    def words_beside(self, path: str) -> PrintedWords | None:
        """From an object `NAME.jpg.txt` or `NAME.txt`, as a listing has it."""
        if self._texts is None:
            self.scan()
        for name in sidecars_of(path):
            if name in (self._texts or ()):
                try:
                    return sidecar_words(name, self._store.read(name, 0, MAX_SIDECAR_BYTES + 1))
                except ImageError as error:
                    raise WordsError(f"{name}: {error}") from None
        return None


def read_whole(store: FileStore, ref: ImageRef, limits: Limits) -> bytes:
    """A file of a store that is known to be of this size; raises as `Source.read` does."""
    if ref.size_bytes > limits.max_bytes:
        raise ImageTooLarge(
            f"a file of {ref.size_bytes / 2**20:.0f} MiB; pictures of up to {limits.max_bytes / 2**20:.0f} MiB are read"
        )
    return store.read(ref.path) if ref.size_bytes else b""


def _is_wanted(path: str) -> bool:
    named = is_picture(path) or suffix_of(path) == ".txt" or foreign(path) is not None
    return named and not is_passed_over(path)


def _path_of(item: SkippedFile) -> str:
    return item.path
