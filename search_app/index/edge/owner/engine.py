"""The operations on one Qdrant Edge shard; they run in its owner process, and only here is `qdrant_edge` imported.

This does without numpy, which would treble the time the process takes to start: vectors travel as the bytes of float32
rows.
"""

import errno
import re
import time
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

import qdrant_edge as qe

from search_app.index.clauses import Clause
from search_app.index.edge.owner import facets, layout, points
from search_app.index.edge.owner.conditions import filter_of
from search_app.index.edge.wire import FacetValue, Nearest, Payloads, Question, Rows, WordVectors
from search_app.index.fields import DERIVED, FORM, IMAGE, MEANING, WORDS, WORDS_FIELDS, meta_indexes, with_has_words
from search_app.index.graph import Shape

_PAGE = 2500
_BATCH = 500


class ShardInUseError(Exception):
    """Another process owns the shard."""


class ShardDamagedError(Exception):
    """The shard does not open."""


def has_no_room(error: BaseException) -> bool:
    """Whether the engine failed because the system takes no more; its texts tell its errors apart."""
    quoted = {int(number) for number in re.findall(r"(?:os error|code:) (\d+)", str(error))}
    return not quoted.isdisjoint({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Engine:
    """The operations on one shard; `EdgeShard` calls them by name."""

    def __init__(self) -> None:
        self._shard: Any = None
        self._meta: dict[str, str] = {}
        """Metadata fields that were written since the shard was opened, and how they are indexed."""

    def create(self, path: str, dim: int, shape: Shape) -> None:
        """Make an empty shard; see `layout.config`."""
        self._shard = qe.EdgeShard.create(path, layout.config(dim, shape))

    def load(self, path: str, patience: float) -> None:
        """Open a shard, waiting `patience` seconds for another owner to end."""
        give_up = time.monotonic() + patience
        layout.read_ahead(path)
        while self._shard is None:
            try:
                self._shard = qe.EdgeShard.load(path)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # a panic is no Exception; the engine's texts tell its errors apart
                if has_no_room(error):
                    raise  # the engine writes when it opens; that says nothing about the shard
                if "WouldBlock" not in str(error):
                    raise ShardDamagedError(f"{path} does not open: {error}") from error
                if time.monotonic() >= give_up:
                    raise ShardInUseError(f"{path} is owned by another process") from None
                time.sleep(0.05)

    def close(self) -> None:
        """Give the shard back."""
        shard, self._shard, self._meta = self._shard, None, {}
        if shard is not None:
            shard.close()

    def flush(self) -> None:
        """Make every write so far durable."""
        self._shard.flush()

    def optimize(self) -> None:
        """Build graphs and vacuum where the thresholds ask for it; may take minutes."""
        self._shard.optimize()

    def count(self) -> int:
        """How many points there are."""
        return int(self._shard.count(qe.CountRequest(exact=True)))

    def highest_id(self) -> int:
        """The highest id there is; 0 in an empty shard."""
        highest = 0
        while True:
            request = qe.ScrollRequest(offset=highest + 1, limit=10_000, with_payload=False, with_vector=False)
            records = self._shard.scroll(request)[0]
            if not records:
                return highest
            highest = int(records[-1].id)

    def sample(self, size: int) -> Payloads:
        """Some points by chance."""
        request = qe.QueryRequest(size, query=qe.Sample.Random, with_payload=True)
        return [(point.id, point.payload) for point in self._shard.query(request)]

    def nearest(self, questions: Sequence[Question]) -> list[Nearest]:
        """The best points of each question, best first, in one pass over the shard."""
        requests = [
            qe.QueryRequest(
                depth,
                query=qe.Query.Nearest(points.query_vector(vector), channel),
                params=layout.params(depth, *looks, exact=exact),
                filter=filter_of(clauses, among),
                with_payload=False,
                with_vector=False,
            )
            for channel, vector, depth, looks, exact, among, clauses in questions
        ]
        answers = self._shard.query_batch(qe.QueryBatchRequest(requests))
        return [
            (array("q", [hit.id for hit in hits]).tobytes(), array("f", [hit.score for hit in hits]).tobytes())
            for hits in answers
        ]

    def fetch(self, ids: list[int]) -> Payloads:
        """The payload, as far as it is read back and without words, of each id that exists."""
        records = self._shard.retrieve(ids, with_payload=_brief(), with_vector=False)
        return [(record.id, record.payload) for record in records]

    def words(self, ids: list[int]) -> Payloads:
        """The part of the payload that holds words, of each id that exists."""
        records = self._shard.retrieve(ids, with_payload=[*WORDS_FIELDS], with_vector=False)
        return [(record.id, record.payload) for record in records]

    def existing(self, ids: list[int]) -> list[int]:
        """Those of the ids that exist."""
        return [record.id for record in self._shard.retrieve(ids, with_payload=False, with_vector=False)]

    def vectors(self, ids: list[int], channel: str) -> tuple[list[int], bytes]:
        """The ids that have a vector in a dense channel, and these vectors."""
        records = self._shard.retrieve(ids, with_payload=False, with_vector=[channel])
        return points.dense([record for record in records if channel in (record.vector or {})], channel)

    def page(self, after: int) -> Payloads:
        """The next payloads, as `fetch` has them, above id `after`, in id order; empty at the end."""
        request = qe.ScrollRequest(offset=after + 1, limit=_PAGE, with_payload=_brief(), with_vector=False)
        return [(record.id, record.payload) for record in self._shard.scroll(request)[0]]

    def rows(self, after: int) -> Rows:
        """The next whole points above id `after`, in id order; empty at the end."""
        request = qe.ScrollRequest(offset=after + 1, limit=_PAGE, with_payload=True, with_vector=True)
        return points.rows(self._shard.scroll(request)[0])

    def points(self, ids: list[int]) -> Rows:
        """The whole points of each id that exists, in their order."""
        return points.rows(self._shard.retrieve(ids, with_payload=True, with_vector=True))

    def upsert(self, rows: Rows, dim: int) -> None:
        """Add or replace points that were validated."""
        ids, vectors, words, payloads = rows
        dense = points.floats(vectors, [len(ids), dim])
        whole = [
            qe.Point(number, {IMAGE: row, **points.named(word)}, payload)
            for number, row, word, payload in zip(ids, dense, words, payloads, strict=True)
        ]
        self._note_meta(payloads)
        self._shard.update(qe.UpdateOperation.upsert_points(whole))

    def update_payloads(self, payloads: Payloads) -> None:
        """Replace payloads but for the words; raises `ValueError`, before any write, for an id that does not exist."""
        words = dict(self.words([number for number, _ in payloads]))
        self._refuse_unknown(number for number, _ in payloads if number not in words)
        self._note_meta(payload for _, payload in payloads)
        for number, payload in payloads:
            whole = payload | with_has_words(words[number])
            self._shard.update(qe.UpdateOperation.overwrite_payload([number], whole))

    def apply(self, gone: list[int], rows: Rows, dim: int) -> int:
        """Remove points and store others before anything else is asked; how many points there are then."""
        # Emptied first: else the engine counts their words until it loads the shard anew, and weighs others by that.
        # Not in `delete`: a writer killed between the two would leave empty points to the one that resumes its work.
        emptied = [qe.Point(number, {}, {}) for number in self.existing(gone)]
        self._shard.update(qe.UpdateOperation.upsert_points(emptied))
        self.delete(gone)
        ids, vectors, words, payloads = rows
        for start in range(0, len(ids), _BATCH):
            part = slice(start, start + _BATCH)
            wire = vectors[4 * dim * start : 4 * dim * (start + _BATCH)]
            self.upsert((ids[part], wire, words[part], payloads[part]), dim)
        return self.count()

    def _note_meta(self, payloads: Iterable[dict[str, Any]]) -> None:
        for payload in payloads:
            self._meta |= meta_indexes(payload)

    def index_fields(self, least: int) -> None:
        """Index what is asked and counted by, once there are `least` points: fewer are looked at one by one."""
        if self.count() >= least:
            facets.index_fields(self._shard, self._meta)

    def count_where(self, clauses: Sequence[Clause], among: tuple[int, ...] | None) -> int:
        """How many points pass."""
        return int(self._shard.count(qe.CountRequest(exact=True, filter=filter_of(clauses, among))))

    def facet(
        self, key: str, clauses: Sequence[Clause], among: tuple[int, ...] | None, limit: int
    ) -> list[tuple[FacetValue, int]]:
        """How many of the points that pass have each value of a field; most first, then by value."""
        return facets.count_values(self._shard, key, filter_of(clauses, among), limit)

    def open_words(self, dim: int) -> None:
        """Make empty channels for words; words that were there are dropped.

        Durable when it returns: where a kill lets the engine repeat these steps from its journal, it forgets the
        channels in its settings and keeps them in its segments, and the shard opens once and never again.
        """
        self._shard.update(qe.UpdateOperation.delete_payload_by_filter(qe.Filter(), [*WORDS_FIELDS]))
        for name in (MEANING, FORM):
            self._shard.update(qe.UpdateOperation.delete_vector_name(name))
        self._shard.update(qe.UpdateOperation.create_dense_vector(MEANING, dim, qe.Distance.Cosine))
        self._shard.update(qe.UpdateOperation.create_sparse_vector(FORM, qe.Modifier.Idf))
        self._shard.flush()

    def update_words(self, words: list[tuple[int, WordVectors, dict[str, Any]]]) -> None:
        """Replace the words of points, vectors first: a point that a crash leaves halfway counts as unread.

        Raises `ValueError`, before any write, for an id that does not exist.
        """
        ids = [number for number, _, _ in words]
        self._refuse_unknown(set(ids) - set(self.existing(ids)))
        self._shard.update(qe.UpdateOperation.delete_vectors([*ids], [MEANING, FORM]))
        named = [(number, points.named(vectors)) for number, vectors, _ in words]
        self._shard.update(qe.UpdateOperation.update_vectors([qe.PointVectors(n, one) for n, one in named if one]))
        for number, _, payload in words:
            self._shard.update(qe.UpdateOperation.set_payload([number], payload))

    def _refuse_unknown(self, ids: Iterable[int]) -> None:
        missing = sorted(ids)
        if missing:
            raise ValueError(f"no point has id {missing[0]}: only existing pictures can be updated")

    def delete(self, ids: list[int]) -> None:
        """Remove points; unknown ids are ignored."""
        self._shard.update(qe.UpdateOperation.delete_points([*ids]))


def _brief() -> Any:
    return qe.PayloadSelector.Exclude([WORDS, *DERIVED])
