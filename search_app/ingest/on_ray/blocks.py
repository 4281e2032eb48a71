"""Blocks of items through Ray Data, in their order; an item that kills its worker costs itself only.

Ray Data keeps the order, holds back who is too fast, and starts again what died: for ever, and from Ray 2.64 on nobody
can tell it otherwise. So the tries of each block are counted here. One that its workers died of too often passes
through undone, and is done by a process beside the stream: whole first, for they may have died of something else, then
item by item.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from search_app.errors import IngestError, SearchAppError

_UNDONE = b""
"""In place of a block that was given up."""
STREAM_GPU, BESIDE_GPU = 0.9, 0.1
"""Shares of a card. An actor holds its own as long as the stream lasts, and what is done beside it needs some."""
Item = TypeVar("Item")
Done = TypeVar("Done")
Row: TypeAlias = dict[str, Any]
"""Of a stream: `at`, the number of its block, and `block`, pickled."""


@dataclass(frozen=True, slots=True)
class Work(Generic[Item, Done]):
    """What is to be done with blocks."""

    name: str
    """Of the model that works on them, as messages have it."""
    stages: Callable[[Any, "Tries"], Any]
    """Adds to a dataset of Ray what is done with its rows, by `answer`."""
    beside: Callable[[list[Item]], list[Done]]
    """The same with the items of one block, in one process; pickled. Given none it opens the model and tries that."""
    killed: Callable[[Item, "Death"], Done]
    """What comes of an item that ended its process each time it was tried."""
    tries: int
    """Of a block in the stream, and of an item that is done alone."""
    on_gpu: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """How processes ended that worked on an item."""

    reason: str
    """As reports have it."""
    is_memory: bool
    """Memory ran out, for which others may be to blame."""


class Count:
    """How often each block was begun; lives in an actor of Ray. Where that is lost, counting starts again."""

    def __init__(self) -> None:
        self._begun: Counter[tuple[str, int]] = Counter()

    def begin(self, stage: str, at: int) -> int:
        """Count one more; gives which try it is."""
        self._begun[stage, at] += 1
        return self._begun[stage, at]


@dataclass(frozen=True, slots=True)
class Tries:
    """Asked by workers before each try."""

    count: Any
    """The actor."""
    most: int

    def are_over(self, stage: str, at: int) -> bool:
        """Whether this one would be one too many."""
        import ray

        return bool(ray.get(self.count.begin.remote(stage, at)) > self.most)


def answer(row: Row, function: Callable[[Any], Any], tries: Tries | None = None, stage: str = "") -> Row:
    """The row with what `function` makes of its block. What is wrong is a value, as Ray tries again what is raised."""
    if row["block"] == _UNDONE or (tries is not None and tries.are_over(stage, row["at"])):
        return {"at": row["at"], "block": _UNDONE}
    block = pickle.loads(row["block"])  # noqa: S301 - of our own driver and workers
    if not isinstance(block, SearchAppError):
        try:
            block = function(block)
        except SearchAppError as error:
            block = error
    return {"at": row["at"], "block": pickle.dumps(block)}


def streamed(blocks: Sequence[list[Item]], work: Work[Item, Done]) -> Iterator[list[Done]]:
    """What is made of each block, in their order; raises what a worker met, and `IngestError` where Ray gives up."""
    import ray
    import ray.data

    data: Any = ray.data  # whose types know of no functions that take more than a row
    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    rows = [{"at": at, "block": pickle.dumps(block)} for at, block in enumerate(blocks)]
    beside = _Beside(work)
    count = ray.remote(Count).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    try:
        for row in work.stages(
            data.from_items(rows, override_num_blocks=len(rows)), Tries(count, work.tries)
        ).iter_rows():
            yield beside.done(blocks[row["at"]]) if row["block"] == _UNDONE else _opened(row)
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines()
        raise IngestError(
            f"Ray gave up ({type(error).__name__}: {told[-1][:300] if told else ''}); what was stored is kept: run "
            "the same command again to go on"
        ) from error


class _Beside(Generic[Item, Done]):
    """Does blocks outside the stream, one thing at a time: no core is kept for it."""

    def __init__(self, work: Work[Item, Done]) -> None:
        import ray

        self._work = work
        self._task = ray.remote(answer)
        self._is_sound = False
        """The model was tried with nothing to work on: it is not what kills."""

    def done(self, block: list[Item]) -> list[Done]:
        found = self._tried(block, tries=1)
        return [self._alone(item) for item in block] if isinstance(found, Death) else found

    def _alone(self, item: Item) -> Done:
        found = self._tried([item], tries=self._work.tries)
        if not isinstance(found, Death):
            return found[0]
        if not self._is_sound and isinstance(self._tried([], tries=self._work.tries), Death):
            raise IngestError(
                f"{self._work.name} cannot be used on a worker, before it is given any picture: {found.reason}"
            )
        self._is_sound = True
        return self._work.killed(item, found)

    def _tried(self, items: list[Item], *, tries: int) -> list[Done] | Death:
        """What came of it, or what its process died of each time."""
        import ray

        gpu = BESIDE_GPU if self._work.on_gpu else 0
        task = self._task.options(num_cpus=0, num_gpus=gpu, max_retries=tries - 1)
        try:
            found: list[Done] = _opened(
                ray.get(task.remote({"at": 0, "block": pickle.dumps(items)}, self._work.beside))
            )
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
            return Death(f"the process that worked on it died in each of {tries} tries", is_memory=False)
        except ray.exceptions.OutOfMemoryError:
            return Death(f"memory ran out while it was worked on, in each of {tries} tries", is_memory=True)
        return found


def _opened(row: Row) -> Any:
    found = pickle.loads(row["block"])  # noqa: S301 - of our own workers
    if isinstance(found, SearchAppError):
        raise found
    return found
