"""Text files beside pictures: `NAME.jpg.txt` or `NAME.txt` is taken for the words in `NAME.jpg`, nothing is read."""

import os
import stat
from pathlib import Path, PurePosixPath

from search_app.datatypes import PrintedWords, Word
from search_app.errors import WordsError

MAX_SIDECAR_BYTES = 256 * 1024
"""Some 40 pages: a larger file is hardly about one picture."""
SOURCE = "sidecar"


def find_sidecar(picture: Path) -> Path | None:
    """The text file that belongs to a picture, where there is one; the longer name wins."""
    for name in (picture.name + ".txt", PurePosixPath(picture.name).stem + ".txt"):
        candidate = picture.with_name(name)
        if os.path.isfile(candidate):  # noqa: PTH113 - `Path.is_file` raises where a name gets too long or may not be seen
            return candidate
    return None


def read_sidecar(path: Path) -> PrintedWords:
    """The lines of a text file in UTF-8, with or without a byte order mark; an empty file says there are no words.

    Raises `WordsError` where it cannot be read, is no UTF-8 or is larger than `MAX_SIDECAR_BYTES`.
    """
    # Not blocking: since it was found it may have become a FIFO.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise WordsError(f"{path.name}: not a regular file; delete it, and the picture itself is read")
            content = file.read(MAX_SIDECAR_BYTES + 1)
    except OSError as error:
        raise WordsError(f"{path.name}: cannot be read: {error.strerror}") from error
    return sidecar_words(path.name, content)


def sidecar_words(name: str, content: bytes) -> PrintedWords:
    """The lines of a text file that was read, up to a byte more than is taken; raises as `read_sidecar` does."""
    if len(content) > MAX_SIDECAR_BYTES:
        limit = f"{MAX_SIDECAR_BYTES // 1024} KiB"
        raise WordsError(f"{name}: larger than {limit}; shorten it, or delete it and the picture itself is read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WordsError(f"{name}: not UTF-8 at byte {error.start}; save it as UTF-8, or delete it") from error
    lines = (" ".join(line.replace("\0", " ").split()) for line in text.splitlines())
    return PrintedWords(tuple(Word(line, None, 1.0) for line in lines if line), SOURCE)
