"""Where Ray runs: a cluster that is there, or processes of this machine for as long as a run takes."""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from search_app.errors import IngestError, MissingDependency

INSTALL = "pip install -r requirements-scale.txt"
OBJECT_STORE_BYTES = 256 * 2**20
"""Shared memory of a local run: some forty blocks of pixels. Where /dev/shm is smaller, Ray takes a file."""
MEMORY_TRIES = "5"
"""How often Ray tries again what it ended because memory ran short; its own default is for ever."""
_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The name notwithstanding: without it Ray listens on this machine's address in the network, here only on loopback.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where Ray runs, and how much of it is used."""

    address: str = ""
    """Of a running cluster; empty: processes of this machine, for this run."""
    actors: int = 0
    """Models at work; 0: one for each GPU, or one for two cores."""
    object_store_bytes: int = OBJECT_STORE_BYTES
    tries: int = 3
    """Of a block, and of a picture that is tried alone. Workers also die of what no picture can help."""


def require_ray() -> None:
    """Raise `MissingDependency` where Ray Data is not installed; said before the work, not in its middle."""
    missing = [name for name in ("ray", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise MissingDependency(f"--engine ray needs {' and '.join(missing)}, not installed here: {INSTALL}")


@contextmanager
def connected(cluster: Cluster) -> Iterator[None]:
    """Start or join a cluster. One that this process has joined already is used and left alone."""
    os.environ.setdefault("RAY_task_oom_retries", MEMORY_TRIES)  # read by whoever gives work out: this process
    if not cluster.address:
        # Read when ray is imported, and by the processes it starts; only who has the token can talk to them.
        for name, value in _LOCAL_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    require_ray()
    import ray
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it logs is in the report, or raised
    if ray.is_initialized():
        yield
        return
    files = tempfile.mkdtemp(prefix="ray-")
    try:
        _start(ray, cluster, files)
        yield
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


def count_actors(cluster: Cluster, *, on_gpu: bool) -> int:
    """How many models; one that could never start would be waited for, for ever. Raises `IngestError` for too many."""
    import ray

    resources: dict[str, float] = ray.cluster_resources()
    cores, cards = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    actors = cluster.actors or (cards if on_gpu else max(1, cores // 2))
    if actors >= cores or (on_gpu and actors > cards):
        needed = f"{actors + 1} cores" + (f" and {actors} GPUs" if on_gpu else "")
        raise IngestError(
            f"{actors} actors and one task that reads need {needed}, but the cluster has {cores} cores and {cards} "
            "GPUs: give fewer --actors"
        )
    return actors
