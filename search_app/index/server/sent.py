"""Changes of one collection that are looked at again: a server may say that it stored what it did not."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from search_app.datatypes import FloatMatrix, WholePoint, WordsPoint
from search_app.errors import VectorIndexError
from search_app.index.fields import CONTENT_HASH, PATH, PATH_BYTES, WORDS_BY
from search_app.index.payload import words_to_payload
from search_app.index.server.engine import MANIFEST_ID, ServerEngine
from search_app.index.server.lanes import Lanes
from search_app.index.server.whole import payload_of, to_struct

logger = logging.getLogger(__name__)

Payload: TypeAlias = dict[str, Any]

_NOTED = (PATH, PATH_BYTES, CONTENT_HASH, "mtime_ns", "copy_of")
"""Parts of a payload of which one changes whenever a picture does."""
_SENDINGS = 4
_PAUSE_S = 0.2
_SHOWN = 10


class Sent:
    """Sends each change until the server has it, and remembers what must be there in the end.

    Every method raises `VectorIndexError` where the server still lacks something that was sent four times.
    """

    def __init__(self, engine: ServerEngine, name: str, at_once: int = 1) -> None:
        """Of new points `at_once` requests may be under way; what they raise is raised by a later call."""
        self._engine, self._name, self._lanes = engine, name, Lanes(at_once)
        self._notes: dict[int, int | None] = {}
        """A number that stands for the payload, None for what was removed: a million pictures fit in memory."""

    def upsert(self, rows: FloatMatrix, payloads: Mapping[int, Payload]) -> None:
        """Add or replace points, by id, in the order of the rows."""
        vectors = dict(zip(payloads, rows, strict=True))

        def send(ids: list[int]) -> None:
            some = np.stack([vectors[number] for number in ids])
            self._engine.upsert(self._name, ids, some, [payloads[number] for number in ids])

        self._send_pictures(payloads, send)

    def settle(self) -> None:
        """Wait until all that was sent has arrived."""
        self._lanes.settle()

    def close(self) -> None:
        """Wait for what is under way and send no more."""
        self._lanes.close()

    def write(self, points: Sequence[WholePoint], rows: FloatMatrix, fingerprint: str) -> None:
        """Add or replace points with their words, whose vectors are the rows."""
        payloads = {int(point.id): payload_of(point, fingerprint) for point in points}
        structs = {
            int(point.id): to_struct(point, row, payloads[int(point.id)])
            for point, row in zip(points, rows, strict=True)
        }
        self._send_pictures(payloads, lambda ids: self._engine.write(self._name, [structs[one] for one in ids]))

    def update_payloads(self, payloads: Mapping[int, Payload]) -> None:
        """Replace the payloads of existing points but for the words."""
        self._send_pictures(
            payloads, lambda ids: self._engine.update_payloads(self._name, [(one, payloads[one]) for one in ids])
        )

    def _send_pictures(self, payloads: Mapping[int, Payload], send: Callable[[list[int]], None]) -> None:
        self._notes |= {number: _note(payload) for number, payload in payloads.items()}
        self._lanes.put(payloads, lambda: self._until_there([*payloads], send, self.lacking))

    def update_words(self, points: Sequence[WordsPoint], fingerprint: str) -> None:
        """Replace the words of existing points."""
        self.settle()
        by_id = {one.id: one for one in points}

        def send(ids: list[int]) -> None:
            payloads = [words_to_payload(by_id[number].words, fingerprint) for number in ids]
            self._engine.update_words(self._name, [by_id[number] for number in ids], payloads)

        def lacking(ids: list[int]) -> list[int]:
            found = self._engine.words(self._name, ids)
            return [number for number in ids if found.get(number, {}).get(WORDS_BY) != fingerprint]

        self._until_there([*by_id], send, lacking)

    def delete(self, ids: list[int]) -> None:
        """Remove points."""
        self.settle()
        self._notes |= dict.fromkeys(ids)
        self._until_there(ids, lambda some: self._engine.delete(self._name, some), self.lacking)

    def write_head(self, head: Payload) -> None:
        """Replace the payload of point 0: what it says of ids that were given must not be lost."""
        wanted = json.dumps(head, sort_keys=True)
        self._until_there(
            [MANIFEST_ID],
            lambda _: self._engine.write_head(self._name, head),
            lambda ids: [] if json.dumps(self._engine.read_head(self._name), sort_keys=True) == wanted else ids,
        )

    def lacking(self, ids: Sequence[int]) -> list[int]:
        """Those of the ids that are not on the server as they were sent, or still are though they were removed."""
        found = {number: _note(payload) for number, payload in self._engine.parts(self._name, [*ids], _NOTED).items()}
        return [number for number in ids if found.get(number) != self._notes[number]]

    def check(self) -> None:
        """Look at everything again that was sent."""
        self.settle()
        missing = self.lacking([*self._notes])
        if missing:
            raise self._lost(missing)

    def _until_there(
        self, ids: list[int], send: Callable[[list[int]], None], lacking: Callable[[list[int]], list[int]]
    ) -> None:
        missing = ids
        for number in range(_SENDINGS):
            if number:
                logger.warning(
                    "%s said it stored %d changes, and did not: sent again", self._engine.server, len(missing)
                )
                time.sleep(_PAUSE_S * number)
            send(missing)
            missing = lacking(missing)
            if not missing:
                return
        raise self._lost(missing)

    def _lost(self, ids: Sequence[int]) -> VectorIndexError:
        shown = ", ".join(map(str, sorted(ids)[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")
        return VectorIndexError(
            f"{self._engine.server} said it stored {len(ids)} pictures that it does not have as they were sent (ids "
            f"{shown}): look at its log and its disk, then run the same command again, which sends them again"
        )


def _note(payload: Payload) -> int:
    """Good within one process."""
    return hash(tuple(payload.get(key) for key in _NOTED))
