"""A disk that fills up under a writer: what the system says of it, or the end of the engine, becomes `DiskFull`.

`require_space` refuses before that happens; this is for the disk that others fill in between, for quotas and limits.
"""

import errno
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from search_app.errors import DiskFull, IndexDamaged, IndexUnavailable
from search_app.index.files import require_space

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Writes(Protocol):
    @property
    def folder(self) -> Path:
        """Where it writes."""
        ...


P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W", bound=_Writes)


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Failures for want of room in `folder` as `DiskFull`; all others as they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DiskFull(
            f"{folder} takes no more ({error.strerror}): free some space, raise the quota or limit, or move "
            f"SEARCH_INDEX_DIR, then run again (what was committed is safe)"
        ) from error
    except (IndexUnavailable, IndexDamaged):
        require_space(folder, 0)  # a process that dies by SIGBUS does not say why
        raise


def tells(method: Callable[Concatenate[W, P], R]) -> Callable[Concatenate[W, P], R]:
    """The same method of a writer, whose failures for want of room are `DiskFull`."""

    @functools.wraps(method)
    def telling(writer: W, /, *arguments: P.args, **named: P.kwargs) -> R:
        with told(writer.folder):
            return method(writer, *arguments, **named)

    return telling
