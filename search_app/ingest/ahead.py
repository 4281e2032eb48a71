"""Work done in threads, a few items ahead of whoever takes it: order kept, memory bounded."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def prepare_ahead(
    prepare: Callable[[Item], Made], items: Sequence[Item], *, workers: int, ahead: int
) -> Iterator[Made]:
    """Prepare `items` in `workers` threads, at most `ahead` beyond the one handed out, in their order."""
    with ThreadPoolExecutor(workers, thread_name_prefix="ahead") as pool:
        waiting: deque[Future[Made]] = deque()
        source = iter(items)
        try:
            for item in source:
                waiting.append(pool.submit(prepare, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # The consumer may stop early (Ctrl-C, a full disk): do not work for nobody.
            for future in waiting:
                future.cancel()


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`items` in lists of `size`, the last one perhaps shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch
