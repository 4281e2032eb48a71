"""The encoder of every model open_clip knows: CLIP, SigLIP, MobileCLIP and their kin, on CPU or CUDA."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from PIL.Image import Image

from search_app.datatypes import EncoderSpec, FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.base import Preparer
from search_app.encoders.open_clip_checkpoint import find_checkpoint
from search_app.encoders.open_clip_model import build_model, fingerprint
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_patches import multiply_patches
from search_app.encoders.open_clip_pixels import Normalisation
from search_app.encoders.open_clip_text import TextTower, load_tokenizer
from search_app.encoders.preprocess import ImageTransform
from search_app.encoders.torch_device import DTYPES, Device, Precision, choose_device, choose_precision
from search_app.errors import EncoderError

# On a CPU more pictures at once bring no speed and cost memory; a GPU idles with fewer.
BATCH_SIZES = {"cpu": 32, "cuda": 256}


class OpenClipEncoder:
    """Both towers of an open_clip model, in the precision the device computes best in."""

    def __init__(self, spec: EncoderSpec, model: Any, transform: ImageTransform, text: TextTower) -> None:
        self._spec = spec
        self._model = model
        self._transform = transform
        self._text = text
        self._device = torch.device(spec.device)
        self._normalisation = Normalisation(transform, self._device)
        self._dtype = DTYPES[spec.precision]

    @classmethod
    def load(cls, name: str, *, device: Device = "auto", precision: Precision = "auto") -> Self:
        """Load `ARCH/TAG` or `ARCH/path/to/checkpoint`.

        A checkpoint follows the name of its architecture: weights trained with QuickGELU, as OpenAI's are, need
        `ViT-B-32-quickgelu/path`. Raises `UnknownModel`, `WeightsUnavailable`, `MissingDependency` and
        `EncoderError`, each saying what to do.
        """
        place = choose_device(device)
        chosen = choose_precision(place) if precision == "auto" else precision
        checkpoint = find_checkpoint(name)
        tokenizer = load_tokenizer(checkpoint.architecture)
        model = build_model(checkpoint)
        transform = ImageTransform.from_config(model.visual.preprocess_cfg)
        spec = EncoderSpec(
            name=name,
            dim=open_clip.get_model_config(checkpoint.architecture)["embed_dim"],
            fingerprint=fingerprint(model, transform, tokenizer),
            image_size=transform.size,
            device=place.type,
            precision=chosen,
            batch_size=BATCH_SIZES[place.type],
        )
        model.to(device=place, dtype=DTYPES[chosen])
        model.visual.to(memory_format=torch.channels_last)
        if place.type == "cuda":
            multiply_patches(model.visual)
        return cls(spec, model, transform, TextTower(model, tokenizer))

    @property
    def spec(self) -> EncoderSpec:
        """Name, dimension and fingerprint, and where and how it runs."""
        return self._spec

    def prepare(self, image: Image) -> PixelArray:
        """Resize and crop an RGB picture as open_clip does."""
        return self._transform.prepare(image)

    @property
    def preparer(self) -> Preparer:
        """`prepare` without the model: it can be pickled and sent to other processes."""
        return self._transform.prepare

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        """Encode prepared pictures; more than `spec.batch_size` run in several batches."""
        height, width = self._spec.image_size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (height, width, 3):
            raise ValueError(f"pictures must be uint8 (n, {height}, {width}, 3), not {pixels.dtype} {pixels.shape}")
        return self._encode(len(pixels), lambda part: self.image_features(self.upload(pixels[part])))

    def upload(self, pixels: PixelBatch) -> torch.Tensor:
        """Prepared pictures on the device, normalised, (n, 3, height, width) in the precision of the tower."""
        return self._normalisation.of(pixels).to(self._dtype)

    def image_features(self, batch: torch.Tensor) -> torch.Tensor:
        """What the tower makes of an uploaded batch: (n, dim), not normalised; a GPU may not have finished it."""
        with torch.inference_mode():
            return self._model.encode_image(batch)  # type: ignore[no-any-return]

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode sentences; what exceeds the context length is cut off."""
        return self._encode(len(texts), lambda part: self._text_features(texts[part]))

    def close(self) -> None:
        """Give the model's memory back."""
        self._model = self._text = self._normalisation = None  # type: ignore[assignment]
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _text_features(self, texts: Sequence[str]) -> torch.Tensor:
        return self._text.features(self._text.tokenize(texts).to(self._device))

    def _encode(self, count: int, features_of: Callable[[slice], torch.Tensor]) -> FloatMatrix:
        if self._model is None:
            raise EncoderError(f"{self._spec.name} is closed")
        try:
            rows = self._rows(count, features_of)
        except RuntimeError as error:  # the class of all that torch raises: no memory, a device that is gone
            raise EncoderError(f"{self._spec.name} fails on {self._spec.device}: {error}") from error
        if not np.isfinite(rows).all():  # a vector of length zero is none afterwards
            raise EncoderError(
                f"{self._spec.name} gave a vector that is not finite or zero, in {self._spec.precision} on "
                f"{self._spec.device}: its weights are damaged or of another architecture"
            )
        return rows

    def _rows(self, count: int, features_of: Callable[[slice], torch.Tensor]) -> FloatMatrix:
        parts: list[torch.Tensor] = []
        with torch.inference_mode():
            # Nothing waits for a GPU before all batches are queued: the next one is laid out while it computes.
            for start in range(0, count, self._spec.batch_size):
                features = features_of(slice(start, start + self._spec.batch_size)).float()
                parts.append(features / features.norm(dim=-1, keepdim=True))
        rows = np.empty((count, self._spec.dim), dtype=np.float32)
        for number, part in enumerate(parts):
            rows[number * self._spec.batch_size :][: len(part)] = part.cpu().numpy()
        return rows
