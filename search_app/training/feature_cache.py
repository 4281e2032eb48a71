"""What a frozen network says about its input, kept on disk: computed once for all seeds, and it survives a kill."""

import hashlib
import logging
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Arrays: TypeAlias = tuple[NDArray[Any], ...]


class FeatureCache:
    """A folder of small files, each named by the hash of everything its arrays were computed from.

    A changed picture, network or setting gives another name: nothing stale is ever read.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def arrays(self, origin: Sequence[bytes], compute: Callable[[], Arrays]) -> Arrays:
        """The arrays that belong to `origin`, read or else computed and stored; a damaged file is computed again."""
        path = self._folder / f"{name_of(origin)}.npz"
        if path.exists():
            try:
                # numpy would leave a damaged file open: it is opened here.
                with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                    return tuple(stored[name] for name in stored.files)
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                logger.warning("%s is damaged (%s) and is computed again", path, error)
        arrays = compute()
        unfinished = path.with_suffix(f".{os.getpid()}.tmp")
        with unfinished.open("wb") as stream:
            np.savez(stream, *arrays)
        unfinished.replace(path)
        return arrays


def name_of(origin: Sequence[bytes]) -> str:
    """A file name from what its content depends on; where one piece ends and the next begins counts."""
    digest = hashlib.sha256()
    for piece in origin:
        digest.update(len(piece).to_bytes(8, "little"))
        digest.update(piece)
    return digest.hexdigest()[:40]
