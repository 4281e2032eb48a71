"""Export an open_clip model: write the folder beside its place, compare, and only then put it there."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.encoders.base import Encoder
from search_app.encoders.onnx_manifest import (
    IMAGE_TOWER,
    PARITY,
    TEXT_TOWER,
    TOKENIZER,
    ExportPrecision,
    OnnxManifest,
    digest,
    fingerprint_of,
)
from search_app.encoders.open_clip_checkpoint import find_checkpoint
from search_app.encoders.open_clip_model import build_model, fingerprint
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_text import TextTower, load_tokenizer
from search_app.encoders.preprocess import ImageTransform
from search_app.encoders.weights import EXPORT_MANIFEST, EXPORTED
from search_app.errors import EncoderError, MissingDependency
from search_app.training.export.card import card_text
from search_app.training.export.graphs import ImageGraph, TextGraph, write_image_graph, write_text_graph
from search_app.training.export.parity import LONG, SHORT, Parity, Vectors, compare, made_up_pictures
from search_app.training.export.quantise import quantise_graph
from search_app.training.export.tokens import cleaning_of, tokenizer_json

AT_ONCE = 8


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A model of open_clip in memory, in fp32 on the CPU."""

    name: str
    image: ImageGraph
    text: TextGraph
    tower: TextTower
    tokenizer: Any
    transform: ImageTransform
    architecture: str
    fingerprint: str

    @classmethod
    def load(cls, name: str) -> "Source":
        """Load `ARCH/TAG` or `ARCH/path/to/checkpoint`; raises what `OpenClipEncoder.load` raises."""
        checkpoint = find_checkpoint(name)
        tokenizer = load_tokenizer(checkpoint.architecture)
        model = build_model(checkpoint)
        transform = ImageTransform.from_config(model.visual.preprocess_cfg)
        tower = TextTower(model, tokenizer)
        return cls(
            name=name,
            image=ImageGraph(model, transform).eval(),
            text=TextGraph(model, tower).eval(),
            tower=tower,
            tokenizer=tokenizer,
            transform=transform,
            architecture=checkpoint.architecture,
            fingerprint=fingerprint(model, transform, tokenizer),
        )

    def vectors(self) -> Vectors:
        """What torch gives, padded to the context length as open_clip pads."""
        pictures = torch.from_numpy(made_up_pictures(self.transform.size))
        return Vectors(self._run(self.image, pictures), *(self._texts(texts) for texts in (SHORT, LONG)))

    def _texts(self, texts: tuple[str, ...]) -> FloatMatrix:
        return self._run(self.text, self.tower.tokenize(texts))

    @staticmethod
    def _run(graph: torch.nn.Module, inputs: torch.Tensor) -> FloatMatrix:
        with torch.inference_mode():
            return np.concatenate([graph(part).numpy() for part in torch.split(inputs, AT_ONCE)])


def export_model(
    name: str, to: Path, precision: ExportPrecision, command: str, open_encoder: Callable[[str], Encoder]
) -> Parity:
    """Make the folder `to` out of the model `name`.

    `command` goes on its card, `open_encoder` opens what was written by its name. Raises `MissingDependency`, and
    `EncoderError` where the folder is there already, where the model cannot be exported, and where its vectors are
    further from torch's than `PARITY` allows; nothing is left then.
    """
    missing = [package for package in ("onnx", "onnxscript") if find_spec(package) is None]
    if missing:
        raise MissingDependency(f"{missing[0]} is not installed: pip install -r requirements-train.txt")
    if to.exists():
        raise EncoderError(f"{to} is there already: delete it, or name another folder")
    source = Source.load(name)
    beside = to.with_name(f"{to.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        manifest = _write_files(source, beside, precision)
        _write_manifest(manifest, beside, {})
        parity = measure(source, open_encoder(f"{EXPORTED}{beside}"))
        require_parity(parity, manifest)
        _write_manifest(manifest, beside, asdict(parity))
        (beside / "README.md").write_text(card_text(manifest, parity, command), encoding="utf-8")
        beside.rename(to)
    except BaseException:  # Ctrl-C too: half a model is of no use
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return parity


def require_parity(parity: Parity, manifest: OnnxManifest) -> None:
    """Raise `EncoderError` where an export is further from torch than `PARITY` allows."""
    if not parity.least >= PARITY[manifest.precision]:  # also where it is no number
        raise EncoderError(
            f"{manifest.source} is not exported: a vector has cosine {parity.least:.6f} to that of torch, less than "
            f"{PARITY[manifest.precision]}"
        )


def measure(source: Source, encoder: Encoder) -> Parity:
    """Compare an encoder, which is closed, with the model it was made from."""
    try:
        images = encoder.encode_images(made_up_pictures(source.transform.size))
        return compare(source.vectors(), Vectors(images, encoder.encode_texts(SHORT), encoder.encode_texts(LONG)))
    finally:
        encoder.close()


def _write_manifest(manifest: OnnxManifest, folder: Path, parity: Mapping[str, float]) -> None:
    content = json.dumps(manifest.to_json(parity), indent=2)
    (folder / EXPORT_MANIFEST).write_text(content + "\n", encoding="utf-8")


def _write_files(source: Source, folder: Path, precision: ExportPrecision) -> OnnxManifest:
    cleaning = cleaning_of(source.tokenizer, source.architecture)
    (folder / TOKENIZER).write_bytes(tokenizer_json(source.tokenizer))
    example = source.tower.tokenize(SHORT[:2])  # two: parity is measured on other counts
    write_image_graph(source.image, source.transform.size, folder / IMAGE_TOWER)
    write_text_graph(source.text, example, folder / TEXT_TOWER, is_cut=source.tower.is_cut)
    if precision == "int8":
        for tower in (IMAGE_TOWER, TEXT_TOWER):
            quantise_graph(folder / tower)
    sums = {path.name: digest(path) for path in sorted(folder.iterdir())}
    return OnnxManifest(
        source=source.name,
        fingerprint=fingerprint_of(source.fingerprint, precision, sums),
        dim=open_clip.get_model_config(source.architecture)["embed_dim"],
        precision=precision,
        context_length=example.shape[1],
        is_cut=source.tower.is_cut,
        cleaning=cleaning,
        transform=source.transform,
        sha256=sums,
    )
