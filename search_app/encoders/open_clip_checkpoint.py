"""From the name of an open_clip model to a file of weights on this machine and how to read it."""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_app.encoders.open_clip_package import open_clip
from search_app.encoders.weights import HUB_FILES, Source, find_weights, hub_cache, hub_refusal, stated_sha256
from search_app.errors import UnknownModel, WeightsUnavailable

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a model is made from."""

    name: str
    """As `SEARCH_MODEL` spells it."""
    architecture: str
    file: Path
    quick_gelu: bool
    """True where the weights were trained with QuickGELU though the architecture's name does not say so."""
    preprocess: Mapping[str, Any]
    """What differs from open_clip's default preprocessing; other keys are ignored."""


def find_checkpoint(name: str) -> Checkpoint:
    """Resolve `ARCH/TAG` or `ARCH/path/to/checkpoint`, downloading the weights of a tag where they are not here.

    The first slash splits. A published tag wins over a file that happens to be called the same. Raises
    `UnknownModel` and `WeightsUnavailable`.
    """
    architecture, slash, rest = name.partition("/")
    if architecture not in open_clip.list_models():
        raise UnknownModel(
            f"open_clip has no architecture {architecture!r}{_close(architecture, open_clip.list_models())}; "
            "models are named ARCH/TAG, such as ViT-B-32/openai: `python -m search_app models` lists some"
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if published := open_clip.get_pretrained_cfg(architecture, rest):
        weights = _published_weights(name, published)
        return Checkpoint(name, architecture, weights, bool(published.get("quick_gelu")), published)
    path = Path(rest).expanduser().absolute()
    if path.is_file():
        return Checkpoint(name, architecture, path, quick_gelu=False, preprocess=_agreed_preprocessing(architecture))
    if "/" in rest or path.suffix in SUFFIXES:
        raise WeightsUnavailable(f"{name} names a checkpoint, but there is no file {path}")
    problem = f"no weights called {rest!r}{_close(rest, tags)}" if slash and rest else "to be followed by its weights"
    raise UnknownModel(
        f"{architecture} has {problem}: write {architecture}/TAG with one of {', '.join(tags) or 'no published tags'}, "
        f"or {architecture}/path/to/checkpoint"
    )


def _close(name: str, candidates: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, candidates, n=4, cutoff=0.5)
    return f" (close: {', '.join(close)})" if close else ""


def _agreed_preprocessing(architecture: str) -> Mapping[str, Any]:
    """How all published weights of an architecture take their pictures, or nothing where they disagree.

    A checkpoint file does not say: a SigLIP checkpoint needs pictures squashed, where open_clip's default crops.
    """
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    keys = ("mean", "std", "interpolation", "resize_mode")
    known = [{key: open_clip.get_pretrained_cfg(architecture, tag)[key] for key in keys} for tag in tags]
    return known[0] if known and all(entry == known[0] for entry in known) else {}


def _published_weights(name: str, published: Mapping[str, Any]) -> Path:
    repository, _, file = published["hf_hub"].rpartition("/")
    # Beside a .bin file of another name than the usual one open_clip looks for the safetensors of the same name.
    files = (Path(file).with_suffix(".safetensors").name, file) if file else HUB_FILES
    url = published.get("url", "")
    source = Source(repository, files, url.rpartition("/")[2] if "openaipublic" in url else "")
    if found := find_weights(source):
        return found
    if refusal := hub_refusal(repository):
        raise WeightsUnavailable(_remedies(name, source, refusal, quick_gelu=bool(published.get("quick_gelu"))))
    try:
        return _as_stated(Path(open_clip.download_pretrained(published)))
    except (OSError, RuntimeError) as error:
        raise WeightsUnavailable(
            _remedies(name, source, f"the download failed: {error}", quick_gelu=bool(published.get("quick_gelu")))
        ) from error


def _as_stated(file: Path) -> Path:
    """The file that was downloaded; raises `OSError` where the hub states another SHA-256, and leaves nothing of it.

    huggingface_hub itself compares the length.
    """
    stated = stated_sha256(file)
    if stated:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != stated:
            file.resolve().unlink()
            file.unlink()
            raise OSError(f"what came has the SHA-256 {found[:12]}..., and the hub states {stated[:12]}...")
    return file


def _remedies(name: str, source: Source, reason: str, *, quick_gelu: bool) -> str:
    architecture = name.partition("/")[0]
    if quick_gelu and f"{architecture}-quickgelu" in open_clip.list_models():
        architecture += "-quickgelu"
    return (
        f"the weights of {name} are not on this machine (looked in {hub_cache()}), and {reason}. "
        f"Download {source.files[0]} of {source.repository} elsewhere and set "
        f"SEARCH_MODEL={architecture}/path/to/{source.files[0]}, or set HF_ENDPOINT to a mirror of the hub, "
        "or set SEARCH_MODEL=lite, which needs no download"
    )
