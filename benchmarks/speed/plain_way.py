"""The plain way to index and to search: what open_clip's and qdrant-client's own examples make together.

A model in fp32, its own transform in a loop over `Image.open`, batches of 32, `upsert` into qdrant-client's local mode.
The weights are random and of the true shapes: fair for speed, and without a word about answers.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from qdrant_client import QdrantClient, models

from search_app.encoders.open_clip_package import open_clip, torch  # as they are, where torchvision is of another build

ARCHITECTURE = "ViT-B-32"
BATCH = 32
COLLECTION = "images"


@dataclass(frozen=True)
class PlainWay:
    """A model with what goes before it."""

    model: Any
    transform: Any
    tokenizer: Any

    @classmethod
    def open(cls, architecture: str = ARCHITECTURE) -> "PlainWay":
        """Make the model; the same weights every time."""
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no weights were asked for, and none are there
            model, _, transform = open_clip.create_model_and_transforms(architecture)
        return cls(model.eval(), transform, open_clip.get_tokenizer(architecture))

    def encode_images(self, pictures: Sequence[Path]) -> Any:
        """Unit vectors, a tensor (n, dim), of one batch of files."""
        pixels = torch.stack([self.transform(Image.open(path)) for path in pictures])
        return self.encode_pixels(pixels)

    def encode_pixels(self, pixels: Any) -> Any:
        """The tower alone, over a float tensor (n, 3, height, width)."""
        with torch.no_grad():
            features = self.model.encode_image(pixels)
            features /= features.norm(dim=-1, keepdim=True)
        return features

    def encode_text(self, text: str) -> Any:
        """The unit vector, a tensor (1, dim), of a sentence padded to 77 tokens."""
        with torch.no_grad():
            features = self.model.encode_text(self.tokenizer([text]))
            features /= features.norm(dim=-1, keepdim=True)
        return features

    def index(self, pictures: Sequence[Path], client: QdrantClient) -> int:
        """Put pictures into a fresh collection of `client`; gives how many."""
        size = int(self.model.text_projection.shape[-1])
        client.create_collection(COLLECTION, models.VectorParams(size=size, distance=models.Distance.COSINE))
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            vectors = self.encode_images(batch).tolist()
            points = [
                models.PointStruct(id=number, vector=vector, payload={"path": str(path)})
                for number, (path, vector) in enumerate(zip(batch, vectors, strict=True), start + 1)
            ]
            client.upsert(COLLECTION, points)
        return len(pictures)

    def save(self, path: Path) -> None:
        """Write the weights, so that the product can open the same model as `ARCHITECTURE/PATH`."""
        torch.save(self.model.state_dict(), path)
