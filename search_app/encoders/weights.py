"""Where a model's weights are: on this machine, at the Hugging Face hub, or nowhere.

Standard library only, for `python3 -m search_app.encoders.weights MODEL` is asked before anything is installed: it
prints one sentence and exits 0 where the weights can be had, 1 where not. The environment variables read here are
huggingface_hub's own, so that both look in the same places.
"""

import http.client
import os
import queue
import re
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_app.encoders.catalogue import KNOWN_MODELS

DEFAULT_MODEL = "ViT-B-32/openai"
# `SEARCH_MODEL=onnx:FOLDER`: no architecture of open_clip and no model trained here has a colon in its name.
EXPORTED, EXPORT_MANIFEST = "onnx:", "manifest.json"
# open_clip's own names for the weights in a repository, in the order in which it prefers them.
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# The file OpenAI's own package, `clip`, downloads for the default model.
OPENAI_FILES = {DEFAULT_MODEL: "ViT-B-32.pt"}
HUB_PATIENCE_SECONDS = 3.0
_SHA256 = re.compile(r"[0-9a-f]{64}")
TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the weights of one model are published."""

    repository: str
    """At the hub."""
    files: tuple[str, ...] = HUB_FILES
    """Best first."""
    openai_file: str = ""
    """What OpenAI's package calls them, where it has them."""


@dataclass(frozen=True, slots=True)
class Location:
    """Whether the weights of a model can be had here and now."""

    obtainable: bool
    explanation: str
    """One sentence: where they are, or why they cannot be had."""


def hub_cache() -> Path:
    """The folder huggingface_hub keeps its downloads in."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    folder = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(folder)).expanduser()


def openai_cache() -> Path:
    """The folder OpenAI's package keeps its downloads in."""
    return Path("~/.cache/clip").expanduser()


def find_weights(source: Source) -> Path | None:
    """The file on this machine, or None."""
    repository = hub_cache() / f"models--{source.repository.replace('/', '--')}"
    reference = repository / "refs" / "main"
    if reference.is_file():
        snapshot = repository / "snapshots" / reference.read_text(encoding="utf-8").strip()
        for name in source.files:
            if (snapshot / name).is_file():
                return snapshot / name
    if source.openai_file and (openai_cache() / source.openai_file).is_file():
        return openai_cache() / source.openai_file
    return None


def stated_sha256(file: Path) -> str:
    """The SHA-256 that the hub states of a downloaded file; empty where nobody has stated one.

    huggingface_hub keeps a large file under its SHA-256, as the hub gave it, and what is named like the file is a link.
    """
    name = file.resolve().name
    return name if file.is_symlink() and _SHA256.fullmatch(name) else ""


def hub_address() -> str:
    """The hub, or the mirror that stands in for it."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_refusal(repository: str = "") -> str | None:
    """Why nothing can be had from the hub now, as a clause, or None when it answers; takes three seconds at most.

    With a repository also whether the hub has it. huggingface_hub itself would try for minutes.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in TRUE:
        return "HF_HUB_OFFLINE forbids to ask the hub"
    address = hub_address()
    answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    page = f"{address}/api/models/{repository}" if repository else address
    if not _is_safe(address):
        return f"{address} cannot be used (weights come over https alone, or from this machine)"
    # A name server that does not answer blocks for longer than any timeout that can be given to a request.
    threading.Thread(target=lambda: answer.put(_ask(page)), daemon=True).start()
    try:
        failure = answer.get(timeout=HUB_PATIENCE_SECONDS)
    except queue.Empty:
        failure = f"no answer in {HUB_PATIENCE_SECONDS:.0f} seconds"
    return failure and f"{address} cannot be used ({failure})"


def _is_safe(address: str) -> bool:
    """Whether nobody on the way can change what comes from there."""
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError:  # told by who asks
        return True
    return parts.scheme in {"https", ""} or parts.hostname in {"127.0.0.1", "::1", "localhost"}


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer; following it would ask a server that may not take HEAD."""

    def redirect_request(self, *_request: Any) -> None:
        return None


def _ask(address: str) -> str | None:
    try:
        request = urllib.request.Request(address, method="HEAD")  # noqa: S310  the user chose the scheme
        with urllib.request.build_opener(_Stay).open(request, timeout=HUB_PATIENCE_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code} {error.reason}" if error.code >= http.HTTPStatus.BAD_REQUEST else None
    except urllib.error.URLError as error:
        return getattr(error.reason, "strerror", None) or str(error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def locate(model: str) -> Location:
    """Say whether the weights of `model` (as `SEARCH_MODEL` spells it) are here or can be downloaded."""
    if model.startswith(EXPORTED):
        return _locate_export(model)
    if "/" not in model:
        return Location(obtainable=True, explanation=f"{model} is no model of open_clip: nothing is downloaded for it.")
    _, path = model.split("/", 1)
    if Path(path).expanduser().is_file():
        return Location(obtainable=True, explanation=f"The weights of {model} are the file {Path(path).expanduser()}.")
    known = next((entry for entry in KNOWN_MODELS if entry.name == model), None)
    source = Source(known.repository, openai_file=OPENAI_FILES.get(model, "")) if known else None
    if source and (found := find_weights(source)):
        return Location(obtainable=True, explanation=f"The weights of {model} are on this machine: {found}.")
    refusal = hub_refusal(source.repository if source else "")
    if refusal:
        return Location(obtainable=False, explanation=f"The weights of {model} are not on this machine, and {refusal}.")
    return Location(
        obtainable=True,
        explanation=f"The weights of {model} are not on this machine yet, but {hub_address()} answers: "
        "they are downloaded on first use.",
    )


def _locate_export(model: str) -> Location:
    folder = Path(model.removeprefix(EXPORTED)).expanduser()
    if (folder / EXPORT_MANIFEST).is_file():
        return Location(obtainable=True, explanation=f"The weights of {model} are in the folder {folder}.")
    return Location(
        obtainable=False, explanation=f"The folder {folder} holds no exported model: it has no {EXPORT_MANIFEST}."
    )


def main(arguments: list[str]) -> int:
    """Print where the weights of a model are; 0 where they can be had, 1 where not, 2 for wrong use."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -m search_app.encoders.weights MODEL\n")
        return 2
    location = locate(arguments[0])
    sys.stdout.write(location.explanation + "\n")
    return 0 if location.obtainable else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
