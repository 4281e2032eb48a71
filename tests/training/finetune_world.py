"""A world small enough to be learnt in seconds: drawn shapes with sentences, and a tiny random CLIP."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file

from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.torch_device import Device
from search_app.training.finetune.data import HoldOut, PairCollection, read_captions
from search_app.training.finetune.options import FinetuneOptions
from search_app.training.finetune.run import FinetunePlan, finetune
from search_app.training.finetune.save import FinetuneReport
from search_app.training.log import Watch

VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
RESNET = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
TINY = {
    "small-clip": {},
    "small-sigmoid": {"init_logit_bias": -10.0, "custom_text": True},
    "small-dropping": {"vision_cfg": {**VISION, "patch_dropout": 0.5}},
    "small-resnet": {"vision_cfg": RESNET},
}
COLOURS = ("red", "green", "blue", "yellow", "black", "white")
GROUNDS = ("orange", "purple", "brown", "grey")
SHAPES = {"ball": "ellipse", "box": "rectangle"}
BRISK = FinetuneOptions(epochs=6, batch=24, micro_batch=24, rate=2e-3, patience=6)
"""Enough to learn this world."""
BRIEF = FinetuneOptions(train="last:2", epochs=2, batch=40, micro_batch=20, rate=1e-3, patience=9)


@dataclass(frozen=True)
class World:
    """Everything a fine-tuning needs."""

    pictures: Path
    captions: Path
    base: str
    device: Device = "cpu"

    @property
    def pairs(self) -> PairCollection:
        return read_captions(self.captions, HoldOut())

    @property
    def original(self) -> dict[str, torch.Tensor]:
        return load_file(self.base.partition("/")[2])

    def plan(self, out: Path, options: FinetuneOptions = BRIEF, **changes: object) -> FinetunePlan:
        plan = FinetunePlan(
            self.base, self.pictures, out, options, "train finetune", device=self.device, checkpoint_every=2
        )
        return replace(plan, **changes)

    def tune(self, out: Path, options: FinetuneOptions = BRIEF, watch: Watch | None = None) -> FinetuneReport:
        return finetune(self.pairs, self.plan(out, options), watch)


def register_small(folder: Path) -> None:
    for name, changes in TINY.items():
        config = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": TEXT, **changes}
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def small_model(architecture: str = "small-clip", seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return open_clip.create_model(architecture)


def draw(path: Path, colour: str, shape: str, ground: str, random: np.random.Generator) -> None:
    picture = Image.new("RGB", (64, 48), ground)
    left, top = random.integers(2, 16, 2)
    box = (left, top, left + 30, top + 28)
    getattr(ImageDraw.Draw(picture), SHAPES[shape])(box, fill=colour)
    picture.save(path)


def make_world(folder: Path, copies: int = 3) -> World:
    random = np.random.default_rng(0)
    entries = {}
    for split, count in (("train", copies), ("dev", 1)):
        for copy in range(count):
            for colour in COLOURS:
                for shape in SHAPES:
                    for ground in GROUNDS:
                        name = f"{split}-{colour}-{shape}-{ground}-{copy}.png"
                        draw(folder / name, colour, shape, ground, random)
                        sentences = [f"a {colour} {shape} on {ground}", f"{ground} behind a {shape} that is {colour}"]
                        entries[name] = {"split": split, "captions": sentences}
    (folder / "captions.json").write_text(json.dumps(entries))
    weights = folder / "original.safetensors"
    save_file(small_model().state_dict(), weights)
    return World(folder, folder / "captions.json", f"small-clip/{weights}")


def bytes_in(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


def interrupt_at_step(number: int) -> Watch:
    """Stops a run as a kill does: nothing is written afterwards."""
    left = iter(range(number - 1))

    def progress(what: str, _done: int, _total: int) -> None:
        if what.startswith("steps") and next(left, None) is None:
            raise KeyboardInterrupt

    return Watch(progress=progress)
