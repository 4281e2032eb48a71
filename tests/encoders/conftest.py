"""Tiny architectures of each kind, registered with open_clip through its own door, and random checkpoints of them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from search_app.encoders.open_clip_package import open_clip, torch

VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
FLAT = {**VISION, "layers": 1}
EOS = {"pool_type": "eos", "eos_id": 49407, "proj_bias": True}
BIDIRECTIONAL = {"no_causal_mask": True, "pool_type": "last"}
TINY = {
    "tiny-clip": {},
    # To be exported, which takes seconds a layer
    "flat-clip": {"vision_cfg": FLAT, "text_cfg": {"layers": 1}},
    "flat-eos": {"vision_cfg": FLAT, "custom_text": True, "text_cfg": {"layers": 1, **EOS}},
    "flat-bidirectional": {"vision_cfg": FLAT, "custom_text": True, "text_cfg": {"layers": 1, **BIDIRECTIONAL}},
    "tiny-clip-quickgelu": {"quick_gelu": True},
    "tiny-custom": {"custom_text": True},
    "tiny-eos": {"custom_text": True, "text_cfg": EOS},
    "tiny-bidirectional": {"custom_text": True, "text_cfg": BIDIRECTIONAL},
    "tiny-class-token": {"custom_text": True, "text_cfg": {"embed_cls": True}},
    "tiny-argmax-bidirectional": {"custom_text": True, "text_cfg": {"no_causal_mask": True}},
    "tiny-wide": {"embed_dim": 24},
    "tiny-hub-tokenizer": {"text_cfg": {"hf_tokenizer_name": "nobody/nothing"}},
}
MakeCheckpoint = Callable[..., Path]


def register_tiny(folder: Path) -> None:
    for name, changes in TINY.items():
        config = {"embed_dim": 16, "vision_cfg": VISION, **changes, "text_cfg": {**TEXT, **changes.get("text_cfg", {})}}
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def random_model(architecture: str, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = open_clip.create_model(architecture)
    for parameter in model.parameters():  # biases start at zero, where mistakes do not show
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, mean=float(parameter.detach().mean()), std=0.1)
    return model.eval()


@pytest.fixture(scope="session", autouse=True)
def _tiny_architectures(tmp_path_factory: pytest.TempPathFactory) -> None:
    register_tiny(tmp_path_factory.mktemp("architectures"))


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """Save random weights of an architecture: `make_checkpoint("tiny-clip", seed=1, suffix=".pt")`."""

    def make(architecture: str, seed: int = 0, suffix: str = ".safetensors") -> Path:
        state = random_model(architecture, seed).state_dict()
        path = tmp_path / f"{architecture}-{seed}{suffix}"
        if suffix == ".safetensors":
            from safetensors.torch import save_file

            save_file(state, path)
        else:
            torch.save({"state_dict": state, "epoch": 3} if suffix == ".pt" else state, path)
        return path

    return make
