"""A stream in batches, of which one is made while another is used: never more, so that memory stays flat."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches_ahead(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`; who takes them slowly slows their source down."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as making:
        batch = list(islice(items, size))
        while batch:
            following = making.submit(lambda: list(islice(items, size)))
            yield batch
            batch = following.result()
