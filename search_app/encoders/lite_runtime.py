"""ONNX Runtime for the lite encoder: small arenas, no busy waiting, int8 weights unfolded once at the start."""

import ctypes
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_app.errors import EncoderError, MissingDependency, WeightsUnavailable

INSTALL = "pip install -r requirements-lite.txt"


def available_cores() -> int:
    """The cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_verified(path: Path, sha256: str) -> bytes:
    """The content of a model file.

    Raises `WeightsUnavailable` where it cannot be read and `EncoderError` where its SHA-256 is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsUnavailable(f"lite: {path} cannot be read ({error.strerror}); install again: {INSTALL}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise EncoderError(
            f"lite: {path} is not the file this version was made with (SHA-256 {found[:12]}..., expected "
            f"{sha256[:12]}...); install again: {INSTALL}"
        )
    return content


def open_session(
    model: bytes | str, threads: int, *, keep_memory: bool = False, weights: Path | None = None
) -> "Session":
    """An inference session on the CPU over a model's content or the path of its file; safe to run from several threads.

    `weights` is the folder of the file that a model without weights of its own names.

    With `keep_memory` the buffers of the largest batch stay for the next one: half as fast again for pictures, whose
    buffers are so large that they would be asked of the operating system anew each time.

    Raises `MissingDependency` where onnxruntime is not installed and `EncoderError` for what is no model.
    """
    # Nothing phones home: importing the package would write a device id and could send events.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(f"onnxruntime is not installed: {INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = keep_memory
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights are int8 in the file; without this the runtime would look for int8 kernels instead of unfolding them.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    if weights is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EncoderError(f"the model cannot be loaded: its file is damaged ({_first_line(error)})") from error
    _give_back_memory()
    return Session(session)


class Session:
    """A session of ONNX Runtime whose failures are ours: what it raises shares no class but `Exception`."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Any]) -> list[Any]:
        """Compute outputs by name; raises `EncoderError` where the runtime fails."""
        try:
            found: list[Any] = self._session.run(outputs, inputs)
        except Exception as error:
            raise EncoderError(f"the model cannot be run: its file is damaged ({_first_line(error)})") from error
        return found


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:300]


def _give_back_memory() -> None:
    """Let the system have what loading took: glibc would keep it, as much again as the model takes."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
