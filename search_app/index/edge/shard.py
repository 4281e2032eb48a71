"""A shard as readers and writers use it: typed operations on its owner process."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from search_app.datatypes import (
    DenseChannel,
    FacetValue,
    FloatVector,
    Known,
    Manifest,
    Neighbours,
    PrintedWords,
    VectorQuery,
    WholePoint,
    WordsPoint,
)
from search_app.index.clauses import Clause
from search_app.index.conditions import resolve, yes_or_no
from search_app.index.edge.export import Digests, Rows, patched, write_export
from search_app.index.edge.process import EdgeProcess, ShardDamaged
from search_app.index.edge.vectors import matrix, sent, word_vectors
from search_app.index.edge.whole import paged
from search_app.index.edge.wire import Nearest, Payloads, Question
from search_app.index.edge.wire import Rows as SentRows
from search_app.index.fields import CONTENT_HASH, HAS_WORDS
from search_app.index.graph import USUAL, Shape
from search_app.index.payload import read_words, to_known, words_to_payload
from search_app.index.ranking import Scored, answer

SAMPLE_SIZE = 16
INDEX_FROM = 1_000
"""Fields of a collection of so many pictures are indexed: to look at fewer takes a few hundredths of a second."""
ANSWER_S = 15.0
"""A process that has not answered a question by then is taken to hang, and started again."""
_WORK_S = 600.0


class EdgeShard:
    """One shard at a time in a process of its own; see `EdgeProcess.call` for what every method raises."""

    def __init__(
        self, on_end: Callable[[], None] | None = None, answer_s: float = ANSWER_S, shape: Shape = USUAL
    ) -> None:
        """`shape` says how is searched."""
        self.process = EdgeProcess(on_end)
        self._answer_s, self._looks = answer_s, (shape.looked_at, shape.rescored)

    def create(self, path: Path, dim: int, shape: Shape) -> None:
        """Make an empty shard."""
        self.process.call("create", str(path), dim, shape, timeout=_WORK_S)

    def load(self, path: Path, *, patience: float = 0.0) -> None:
        """Open a shard, waiting `patience` seconds for another owner to end."""
        self.process.call("load", str(path), patience, timeout=_WORK_S)

    def give_back(self) -> None:
        """Close the shard; the process stays for another one."""
        self.process.call("close", timeout=_WORK_S)

    def close(self) -> None:
        """Close the shard and end the process; twice does no harm."""
        self.process.close()

    def flush(self) -> None:
        """Make every write so far durable."""
        self.process.call("flush", timeout=_WORK_S)

    def optimize(self) -> None:
        """Build graphs and vacuum where the thresholds ask for it; may take minutes."""
        self.process.call("optimize", timeout=None)

    def count(self) -> int:
        """How many points there are."""
        return int(self.process.call("count", timeout=_WORK_S))

    def highest_id(self) -> int:
        """The highest id there is; 0 in an empty shard."""
        return int(self.process.call("highest_id", timeout=_WORK_S))

    def sample(self) -> tuple[tuple[int, str], ...]:
        """Ids and content hashes of some points, for the record."""
        points: Payloads = self.process.call("sample", SAMPLE_SIZE, timeout=_WORK_S)
        return tuple(sorted((number, str(payload[CONTENT_HASH])) for number, payload in points))

    def search(self, queries: Sequence[VectorQuery]) -> list[Neighbours]:
        """Answer validated queries in one pass."""
        return answer(queries, self._nearest)

    def _nearest(self, asked: Sequence[tuple[VectorQuery, int]]) -> list[Scored]:
        questions: list[Question] = [
            (query.channel, sent(query.vector), depth, self._looks, query.exact, query.among, resolve(query.where))
            for query, depth in asked
        ]
        found: list[Nearest] = self.process.call("nearest", questions, timeout=self._answer_s)
        return [(np.frombuffer(ids, np.int64), np.frombuffer(scores, np.float32)) for ids, scores in found]

    def facet(
        self, key: str, clauses: tuple[Clause, ...], among: Sequence[int] | None, limit: int
    ) -> list[tuple[FacetValue, int]]:
        """How many of the points that pass have each value of a field of the payload; validated."""
        some = None if among is None else tuple(among)
        if key != HAS_WORDS:
            found: list[tuple[FacetValue, int]] = self.process.call(
                "facet", key, clauses, some, limit, timeout=self._answer_s
            )
            return found

        def count(more: tuple[Clause, ...]) -> int:
            return int(self.process.call("count_where", (*clauses, *more), some, timeout=self._answer_s))

        return yes_or_no(count)[:limit]

    def index_fields(self, least: int) -> None:
        """Index the fields that are asked and counted by, where there are `least` points or more."""
        self.process.call("index_fields", least, timeout=None)

    def fetch(self, ids: Sequence[int]) -> dict[int, Known]:
        """The payload of each id that exists."""
        return {number: to_known(number, payload) for number, payload in self.payloads(ids)}

    def payloads(self, ids: Sequence[int]) -> Payloads:
        """The same as it is stored."""
        found: Payloads = self.process.call("fetch", [*ids], timeout=self._answer_s)
        return found

    def existing(self, ids: Sequence[int]) -> list[int]:
        """Those of the ids that exist."""
        found: list[int] = self.process.call("existing", [*ids], timeout=self._answer_s)
        return found

    def vectors(self, ids: Sequence[int], channel: DenseChannel = "image") -> dict[int, FloatVector]:
        """The unit vector of each id that has one."""
        found, rows = self.process.call("vectors", [*ids], channel, timeout=self._answer_s)
        return dict(zip(found, matrix(rows, len(found)), strict=True))

    def words(self, ids: Sequence[int]) -> dict[int, PrintedWords]:
        """The words of each id whose words were read."""
        return read_words(dict(self.process.call("words", [*ids], timeout=self._answer_s)))

    def scan(self) -> Iterator[Known]:
        """Every picture in id order; the owner reads the next page while the last one is taken."""
        with ThreadPoolExecutor(1, thread_name_prefix="page") as reading:
            page = self._page(0)
            while page:
                ahead = reading.submit(self._page, page[-1][0])
                yield from (to_known(number, payload) for number, payload in page)
                page = ahead.result()

    def _page(self, after: int) -> Payloads:
        found: Payloads = self.process.call("page", after, timeout=self._answer_s)
        return found

    def points(self, after: int) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        return paged(self._rows_after, after)

    def upsert(self, rows: Rows) -> None:
        """Add or replace validated points, some hundreds at a time."""
        if rows.ids:
            self.process.call("upsert", _wire(rows), rows.vectors.shape[1], timeout=_WORK_S)

    def apply(self, gone: Sequence[int], rows: Rows, count: int) -> None:
        """Remove points and store others; no question is answered in between.

        Raises `ShardDamaged` where there are not `count` points then.
        """
        found = self.process.call("apply", [*gone], _wire(rows), rows.vectors.shape[1], timeout=_WORK_S)
        if found != count:
            raise ShardDamaged(f"it holds {found} points where {count} were committed")

    def open_words(self, dim: int) -> None:
        """Make empty channels for words; what they held is dropped."""
        self.process.call("open_words", dim, timeout=_WORK_S)

    def update_words(self, points: Sequence[WordsPoint], read_by: str) -> None:
        """Replace the words of existing points, validated; raises `ValueError` for one that does not exist."""
        wire = [(one.id, word_vectors(one), words_to_payload(one.words, read_by)) for one in points]
        self.process.call("update_words", wire, timeout=_WORK_S)

    def update_payloads(self, payloads: Payloads) -> None:
        """Replace payloads of existing points; raises `ValueError` for one that does not exist."""
        self.process.call("update_payloads", payloads, timeout=_WORK_S)

    def delete(self, ids: Sequence[int]) -> None:
        """Remove points; unknown ids are ignored."""
        self.process.call("delete", [*ids], timeout=_WORK_S)

    def export(self, folder: Path, manifest: Manifest) -> Digests:
        """Write all points as an export into `folder` and return its digests."""
        return write_export(folder, self._rows(), self.count(), manifest)

    def export_changes(self, folder: Path, manifest: Manifest, base: Path, touched: AbstractSet[int]) -> Digests:
        """As `export`, where only the `touched` points differ from the export in `base`."""
        return write_export(folder, patched(base, touched, self._points(touched, manifest.dim)), self.count(), manifest)

    def _points(self, ids: AbstractSet[int], dim: int) -> Rows:
        found, vectors, words, payloads = self.process.call("points", sorted(ids), timeout=_WORK_S)
        return Rows(found, np.frombuffer(vectors, np.float32).reshape(len(found), dim), words, payloads)

    def _rows(self) -> Iterator[Rows]:
        after = 0
        while (rows := self._rows_after(after)).ids:
            yield rows
            after = rows.ids[-1]

    def _rows_after(self, after: int) -> Rows:
        ids, vectors, words, payloads = self.process.call("rows", after, timeout=_WORK_S)
        return Rows(ids, matrix(vectors, len(ids)), words, payloads)


def _wire(rows: Rows) -> SentRows:
    return rows.ids, np.ascontiguousarray(rows.vectors, np.float32).tobytes(), rows.words, rows.payloads
