"""The middle of an index run on Ray Data: on many machines, or on the cores of this one.

Tasks read and decode, actors hold a model each. Blocks are batches of the encoder, so vectors come out as in a local
run, and the one writer behind gives ids and stores as there.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from search_app.datatypes import EncoderSpec
from search_app.encoders.base import Encoder
from search_app.encoders.soundness import probe_pictures
from search_app.errors import ModelMismatch, SearchAppError
from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.encode import Encoded, encode_batch
from search_app.ingest.engine import IngestOptions
from search_app.ingest.on_ray.blocks import STREAM_GPU, Death, Row, Tries, Work, answer, streamed
from search_app.ingest.on_ray.cluster import Cluster, connected, count_actors
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Prepared, Reading, prepare_one
from search_app.sources.base import Source

READING_THREADS = 4
"""Of one task: reading waits, decoding does not."""


@dataclass(frozen=True, slots=True)
class Model:
    """How a worker opens the model, in another process, perhaps on another machine."""

    open: Callable[[], Encoder]
    spec: EncoderSpec

    def opened(self) -> Encoder:
        """Raises `EncoderError` where it cannot be had and `ModelMismatch` where it is another one."""
        encoder = self.open()
        if encoder.spec.fingerprint != self.spec.fingerprint:
            raise ModelMismatch(
                f"a worker has another model {self.spec.name} ({encoder.spec.fingerprint[:12]}) than this machine "
                f"({self.spec.fingerprint[:12]}): install the same version everywhere"
            )
        return encoder


class RayEngine:
    """See `Engine`; Ray is started, or connected to, when there is something to encode."""

    def __init__(
        self,
        source: Source,
        encoder: Encoder,
        options: IngestOptions,
        *,
        cluster: Cluster,
        open_encoder: Callable[[], Encoder],
    ) -> None:
        self._size, self._cluster = encoder.spec.batch_size, cluster
        self._reading = Reading(source.location, encoder.spec, encoder.preparer, options.max_pixels)
        self._model = Model(open_encoder, encoder.spec)
        self._on_gpu = encoder.spec.device.startswith("cuda")

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        """See `Engine.encoded`; raises `IngestError` where Ray gives up and `MissingDependency` without it."""
        if not items:
            return
        beside = partial(embed_beside, reading=self._reading, model=pickle.dumps(self._model))
        with connected(self._cluster):
            actors = count_actors(self._cluster, on_gpu=self._on_gpu)
            stages = partial(self._stages, actors=actors)
            work = Work(self._model.spec.name, stages, beside, _killed, self._cluster.tries, self._on_gpu)
            yield from streamed([*batches(items, self._size)], work)

    def _stages(self, rows: Any, tries: Tries, actors: int) -> Any:
        import ray.data

        return rows.map(read_block, fn_kwargs={"reading": self._reading, "tries": tries}, num_cpus=1).map(
            EncodeBlock,
            fn_constructor_kwargs={"model": self._model, "tries": tries},
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            num_gpus=STREAM_GPU if self._on_gpu else None,
            memory=1,  # byte, so that the stages ask for different things: else Ray puts both into the actors
        )


def read_block(row: Row, reading: Reading, tries: Tries) -> Row:
    """Read, hash, decode and resize the files of one block; runs in a task of Ray."""
    return answer(row, partial(_prepared, reading=reading), tries, "read")


def _prepared(items: list[Embed], reading: Reading) -> list[Prepared]:
    prepare = partial(prepare_one, reading=reading)
    return [*prepare_ahead(prepare, items, workers=READING_THREADS, ahead=len(items))]


class EncodeBlock:
    """Encodes blocks with a model of its own; lives in an actor of Ray."""

    def __init__(self, model: Model, tries: Tries | None = None) -> None:
        self._tries = tries
        self._problem: SearchAppError | None = None
        try:
            self._encoder = model.opened()
        except SearchAppError as error:
            self._problem = error

    def __call__(self, row: Row) -> Row:
        """Encode one block; what is wrong with the model is a value too."""
        return answer(row, self._encode, self._tries, "encode")

    def _encode(self, prepared: list[Prepared]) -> list[Encoded]:
        if self._problem is not None:
            raise self._problem
        return encode_batch(self._encoder, prepared)


def embed_beside(items: list[Embed], reading: Reading, model: bytes) -> list[Encoded]:
    """Both stages in one process."""
    encoder = _tried_model(model)
    return encode_batch(encoder, _prepared(items, reading))


@lru_cache(maxsize=1)
def _tried_model(pickled: bytes) -> Encoder:
    """Opened once in each process; told apart by the bytes, as what is unpickled is never the same."""
    model: Model = pickle.loads(pickled)  # noqa: S301 - of our own driver
    encoder = model.opened()
    probe_pictures(encoder)
    return encoder


def _killed(item: Embed, death: Death) -> Encoded:
    return Encoded(item, None, None, death.reason, is_unreachable=death.is_memory)
