"""From a checkpoint to a model in memory, and to the fingerprint of what it computes."""

import hashlib
import json
import pickle
import warnings
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search_app.encoders.open_clip_checkpoint import Checkpoint
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_text import Tokenizer
from search_app.encoders.preprocess import ImageTransform
from search_app.errors import EncoderError

# Sentences whose token ids tell tokenizers apart: case, punctuation, accents, digits, other scripts, length.
PROBES = ("", "A red CAR, isn't it?", "café naïve 2024 #1!", "寿司 и борщ", "one two three four five six " * 20)


class _DrawNoRandomNumbers(torch.overrides.TorchFunctionMode):
    """Leaves weights as they lie in memory until the checkpoint fills them: half the time a model takes to load."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in {torch.Tensor.normal_, torch.Tensor.uniform_}:
            return args[0]
        return function(*args, **(kwargs or {}))


def build_model(checkpoint: Checkpoint) -> Any:
    """Build the model in fp32 on the CPU and load its weights.

    Raises `EncoderError` where the file is damaged, is of another architecture, or holds code: a pickle that would
    run any is refused, for a checkpoint is data from elsewhere.
    """
    file = checkpoint.file
    try:
        with warnings.catch_warnings(), _DrawNoRandomNumbers():
            warnings.filterwarnings("ignore", message=".*TorchScript.*")
            model = open_clip.create_model(
                checkpoint.architecture,
                pretrained=str(file),
                force_quick_gelu=checkpoint.quick_gelu,
                force_preprocess_cfg=dict(checkpoint.preprocess),
                weights_only=not is_openai_archive(file),
            )
    except pickle.UnpicklingError as error:
        raise EncoderError(
            f"{file} is refused: it is no checkpoint of plain weights but holds something that would have to be "
            f"executed, or it is damaged; save the state dict alone, best as .safetensors ({_first_line(error)})"
        ) from error
    except Exception as error:  # open_clip takes a file's content on trust: what a foreign one raises is of every kind
        raise EncoderError(
            f"{file} does not hold the weights of {checkpoint.architecture}: {_first_line(error)}"
        ) from error
    return model.eval().requires_grad_(requires_grad=False)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines[:2])}"[:300]


def is_openai_archive(file: Path) -> bool:
    """Whether a file is one of OpenAI's own, which are TorchScript archives, a form that can hold code.

    Known by their SHA-256: no other TorchScript archive is opened.
    """
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        if not any(name.endswith("/constants.pkl") for name in archive.namelist()):
            return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() in _openai_digests()


def _openai_digests() -> frozenset[str]:
    """The SHA-256 of each file, which OpenAI's addresses carry as their last folder."""
    models = open_clip.list_pretrained_models_by_tag("openai")
    return frozenset(open_clip.get_pretrained_url(model, "openai").split("/")[-2] for model in models)


def uses_quick_gelu(model: Any) -> bool:
    """Whether the model computes with QuickGELU, the approximation OpenAI's weights were trained with."""
    return any(isinstance(module, open_clip.transformer.QuickGELU) for module in model.modules())


def fingerprint(model: Any, transform: ImageTransform, tokenizer: Tokenizer) -> str:
    """Hash what decides a model's vectors: weights, preprocessing, tokenizer and activation.

    Taken from the fp32 weights in memory, so the same weights have the same fingerprint from every kind of file, on
    every machine and at every precision.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(memoryview(tensor.contiguous().reshape(-1).numpy()))
    rest = {
        "transform": asdict(transform),
        "tokens": tokenizer(list(PROBES)).tolist(),
        "quick_gelu": uses_quick_gelu(model),
    }
    digest.update(json.dumps(rest, sort_keys=True).encode())
    return digest.hexdigest()[:32]
