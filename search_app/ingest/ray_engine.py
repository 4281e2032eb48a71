"""The middle of an index run on Ray Data: on many machines, or on the cores of this one.

Ray Data streams blocks through tasks that read and decode and actors that hold a model each; it keeps their order,
holds back who is too fast, and starts again what died. Blocks are batches of the encoder, so vectors come out as in a
local run, and the one writer behind gives ids and stores as there.

The only module that imports ray.
"""

import logging
import os
import pickle
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from PIL.Image import Image

from search_app.datatypes import EncoderSpec, PixelArray
from search_app.encoders.base import Encoder
from search_app.errors import IngestError, MissingDependency, ModelMismatch, SearchAppError
from search_app.ingest.ahead import batches, prepare_ahead
from search_app.ingest.encode import Encoded, encode_batch
from search_app.ingest.engine import IngestOptions
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Preparation
from search_app.sources.base import Source
from search_app.sources.opening import open_source

INSTALL = "pip install -r requirements-scale.txt"
OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of a local run: some forty blocks of pixels. Where /dev/shm is smaller, Ray takes a file."""
READING_THREADS = 4
"""Of one task: reading waits, decoding does not."""
_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The name notwithstanding: without it Ray listens on this machine's address in the network, here only on loopback.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def require_ray() -> None:
    """Raise `MissingDependency` where Ray Data is not installed; said before the work, not in its middle."""
    missing = [name for name in ("ray", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"--engine ray needs {' and '.join(missing)}, not installed here: {INSTALL}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where Ray runs, and what is sent there."""

    open_encoder: Callable[[], Encoder]
    """Opens the model in another process, perhaps on another machine; is pickled."""
    address: str = ""
    """Of a running cluster; empty: processes of this machine, for this run."""
    actors: int = 0
    """Models at work; 0: one for each GPU, or one for two cores."""
    object_store_bytes: int = OBJECT_STORE_BYTES


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a task that reads is told. It takes the place of an encoder, of which only the size is needed."""

    location: str
    spec: EncoderSpec
    prepare: Callable[[Image], PixelArray]
    max_pixels: int


class RayEngine:
    """See `Engine`; Ray is started, or connected to, when there is something to encode."""

    def __init__(self, source: Source, encoder: Encoder, options: IngestOptions, cluster: Cluster) -> None:
        self._spec, self._cluster = encoder.spec, cluster
        self._reading = _Reading(source.location, encoder.spec, encoder.preparer, options.max_pixels)

    def encoded(self, items: Sequence[Embed]) -> Iterator[Sequence[Encoded]]:
        """See `Engine.encoded`; raises `IngestError` where Ray gives up and `MissingDependency` without it."""
        if not items:
            return
        with connected(self._cluster, self._spec) as actors:
            yield from self._streamed(items, actors)

    def _streamed(self, items: Sequence[Embed], actors: int) -> Iterator[Sequence[Encoded]]:
        import ray
        import ray.data

        data: Any = ray.data  # whose types know of no functions that take more than a row
        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        blocks = [{"block": pickle.dumps(block)} for block in batches(items, self._spec.batch_size)]
        stream = (
            data.from_items(blocks, override_num_blocks=len(blocks))
            .map(read_block, fn_kwargs={"reading": self._reading}, num_cpus=1)
            .map(
                EncodeBlock,
                fn_constructor_kwargs={"open_encoder": self._cluster.open_encoder, "spec": self._spec},
                compute=data.ActorPoolStrategy(size=actors),
                num_cpus=1,
                num_gpus=1 if self._spec.device.startswith("cuda") else None,
            )
        )
        try:
            for row in stream.iter_rows():
                found = pickle.loads(row["block"])  # noqa: S301 - of our own workers
                if isinstance(found, SearchAppError):
                    raise found
                yield found
        except ray.exceptions.RayError as error:
            told = str(error).strip().splitlines()
            raise IngestError(
                f"Ray gave up ({type(error).__name__}: {told[-1][:300] if told else ''}); what was stored is kept: run "
                "the same command again to go on"
            ) from error


def read_block(row: dict[str, Any], reading: _Reading) -> dict[str, bytes]:
    """Read, hash, decode and resize the files of one block; runs in a task of Ray."""
    items: list[Embed] = pickle.loads(row["block"])  # noqa: S301 - of our own driver
    try:
        preparation = Preparation(_source(reading.location), reading, reading.max_pixels)
        prepared = prepare_ahead(preparation.run, items, workers=READING_THREADS, ahead=len(items))
        return {"block": pickle.dumps([*prepared])}
    except SearchAppError as error:
        return {"block": pickle.dumps(error)}


@lru_cache(maxsize=1)
def _source(location: str) -> Source:
    """Opened once in each process."""
    return open_source(location)


class EncodeBlock:
    """Encodes blocks with a model of its own; lives in an actor of Ray."""

    def __init__(self, open_encoder: Callable[[], Encoder], spec: EncoderSpec) -> None:
        self._problem: SearchAppError | None = None
        try:
            self._encoder = open_encoder()
            if self._encoder.spec.fingerprint != spec.fingerprint:
                raise ModelMismatch(
                    f"a worker has another model {spec.name} ({self._encoder.spec.fingerprint[:12]}) than this machine "
                    f"({spec.fingerprint[:12]}): install the same version everywhere"
                )
        except SearchAppError as error:
            self._problem = error

    def __call__(self, row: dict[str, Any]) -> dict[str, bytes]:
        """Encode one block; what is wrong with the model is a value, as Ray would try again what is raised."""
        prepared = self._problem or pickle.loads(row["block"])  # noqa: S301 - of our own workers
        if not isinstance(prepared, SearchAppError):
            try:
                prepared = encode_batch(self._encoder, prepared)
            except SearchAppError as error:
                prepared = error
        return {"block": pickle.dumps(prepared)}


@contextmanager
def connected(cluster: Cluster, spec: EncoderSpec) -> Iterator[int]:
    """Start or join a cluster; gives the number of actors. One that is there already is used and left alone."""
    if not cluster.address:
        # Read when ray is imported, and by the processes it starts; only who has the token can talk to them.
        for name, value in _LOCAL_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    require_ray()
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield _actors(cluster, spec, ray)
        return
    files = tempfile.mkdtemp(prefix="ray-")
    try:
        _start(ray, cluster, files)
        yield _actors(cluster, spec, ray)
    finally:
        ray.shutdown()
        shutil.rmtree(files, ignore_errors=True)


def _start(ray: Any, cluster: Cluster, files: str) -> None:
    if cluster.address:
        try:
            ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise IngestError(
                f"no Ray cluster answers at {cluster.address} ({error}): `ray start` makes one"
            ) from error
        return
    cores = os.cpu_count() or 1
    ray.init(
        address="local",
        # A share for each actor, which holds its own all the time, and for those that read.
        num_cpus=(cluster.actors or max(1, cores // 2)) + max(1, cores // 2),
        include_dashboard=False,
        object_store_memory=cluster.object_store_bytes,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=files,
    )


def _actors(cluster: Cluster, spec: EncoderSpec, ray: Any) -> int:
    """How many models; one that could never start would be waited for, for ever."""
    resources = ray.cluster_resources()
    cores, cards = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    on_gpu = spec.device.startswith("cuda")
    actors = cluster.actors or (cards if on_gpu else max(1, cores // 2))
    if actors >= cores or (on_gpu and actors > cards):
        needed = f"{actors + 1} cores" + (f" and {actors} GPUs" if on_gpu else "")
        raise IngestError(
            f"{actors} actors and one task that reads need {needed}, but the cluster has {cores} cores and {cards} "
            "GPUs: give fewer --actors"
        )
    return actors
