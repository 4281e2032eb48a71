"""An open_clip model built exactly as `SEARCH_MODEL=ARCH/path` will serve it, to be trained."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Self

from search_app.datatypes import PixelBatch
from search_app.encoders.open_clip_checkpoint import Checkpoint, find_checkpoint
from search_app.encoders.open_clip_model import build_model, fingerprint
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_pixels import Normalisation
from search_app.encoders.open_clip_text import TextTower, load_tokenizer
from search_app.encoders.preprocess import ImageTransform
from search_app.encoders.torch_device import Device, choose_device, choose_precision
from search_app.errors import TrainingError

Tensor = torch.Tensor
BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d)


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Both towers with fp32 weights, computed in bf16 where the device multiplies in it."""

    base: str
    """As `SEARCH_MODEL` spells what it was made from."""
    checkpoint: Checkpoint
    """The base's weights under the architecture that its tuned weights are served by."""
    module: Any
    transform: ImageTransform
    normalisation: Normalisation
    text: TextTower
    fingerprint: str
    """Of the base."""
    device: torch.device
    precision: Literal["fp32", "bf16"]
    note: str
    """How serving will prepare pictures otherwise than the base's publisher says; mostly empty."""

    @classmethod
    def open(cls, name: str, device: Device) -> Self:
        """Load `ARCH/TAG` or `ARCH/path/to/checkpoint`.

        Raises `EncoderError` as serving does, and `TrainingError` where tuned weights could not be served.
        """
        place = choose_device(device)
        published = find_checkpoint(name)
        # A file of weights is served by an architecture's name alone: activation and preprocessing follow from it.
        checkpoint = find_checkpoint(f"{served_architecture(published)}/{published.file}")
        return cls._of(name, checkpoint, place, note_on_pixels(published, checkpoint))

    @classmethod
    def _of(cls, base: str, checkpoint: Checkpoint, place: torch.device, note: str) -> Self:
        tokenizer = load_tokenizer(checkpoint.architecture)
        module = build_model(checkpoint)
        transform = ImageTransform.from_config(module.visual.preprocess_cfg)
        made_of = fingerprint(module, transform, tokenizer)
        module.to(place)
        text = TextTower(module, tokenizer)
        normalisation, precision = Normalisation(transform, place), choose_precision(place)
        return cls(base, checkpoint, module, transform, normalisation, text, made_of, place, precision, note)

    def written(self, name: str) -> Self:
        """What serving opens under `name`, on the same device."""
        return self._of(name, find_checkpoint(name), self.device, "")

    def encode(self, pixels: PixelBatch | None, tokens: Tensor | None) -> list[Tensor]:
        """Unit rows in fp32, (n, dim), of prepared pictures and of token ids, whichever are given."""
        found = []
        # A context for each call: weights cast in one without gradients must not serve one with them.
        with self._computing():
            if pixels is not None:
                found.append(self.module.encode_image(self.normalisation.of(pixels)))
            if tokens is not None:
                found.append(self.text.features(tokens.to(self.device)))
        return [torch.nn.functional.normalize(features.float(), dim=-1) for features in found]

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Token ids, (n, context length)."""
        return self.text.tokenize(texts)

    def train(self) -> None:
        """Turn dropout on, where there is any; the statistics of batch norms stay as they are.

        Those are means over more pictures than a small collection has, and they would depend on the micro-batch.
        """
        self.module.train()
        for part in self.module.modules():
            if isinstance(part, BATCH_NORMS):
                part.eval()

    def _computing(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")


def served_architecture(published: Checkpoint) -> str:
    """The name under which a plain file of these weights computes the same.

    Raises `TrainingError` where open_clip has none.
    """
    name = published.architecture
    if not published.quick_gelu or open_clip.get_model_config(name).get("quick_gelu"):
        return name
    twin = f"{name}-quickgelu"
    if twin not in open_clip.list_models():
        raise TrainingError(
            f"{published.name} computes with QuickGELU and open_clip has no architecture {twin}: weights tuned from it "
            "could not be served; choose another model"
        )
    return twin


def note_on_pixels(published: Checkpoint, served: Checkpoint) -> str:
    """What differs between how the base's pictures were prepared and how a file of its architecture gets them."""
    differing = []
    for key, default in (
        ("mean", open_clip.OPENAI_DATASET_MEAN),
        ("std", open_clip.OPENAI_DATASET_STD),
        ("interpolation", "bicubic"),
        ("resize_mode", "shortest"),
    ):
        before, now = (made.preprocess.get(key, default) for made in (published, served))
        if before != now:
            differing.append(f"{key} {now} in place of {before}")
    if not differing:
        return ""
    return f"pictures are prepared as {served.architecture}/path serves them: {', '.join(differing)}"
