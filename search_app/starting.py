"""How a process of the product starts: with imports during which nobody looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """For the doors, around what they import: a quarter of what that takes would go into looking for garbage.

    There is none: classes and functions stay to the end. So they are not looked through afterwards either
    (`gc.freeze`), which would take as long again with the first object that is made, and from time to time later on.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
