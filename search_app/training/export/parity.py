"""Whether an exported model gives the vectors of the one it was made from."""

from dataclasses import dataclass

import numpy as np

from search_app.datatypes import FloatMatrix, PixelBatch

TOP = 5
PICTURES = 32
SHORT = (
    "a red car",
    "two dogs on a beach",
    "A woman drinks Coffee, doesn't she?",
    "shampoo",
    "café naïve 2024 #1!",
    "a bottle of perfume on black marble",
    "寿司 и борщ",
    "people dancing in the street at night",
    "an advertisement against smoking",
    "the moon over a quiet harbour",
    "burger & fries — 50% off",
    "kids' toys",
)
LONG = tuple(f"{text}, {'and then some more of the same kind, ' * 9}said number {i}" for i, text in enumerate(SHORT))
"""As long as the context allows, and longer."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How close the vectors of an export are to those of torch in fp32; cosines."""

    image_least: float
    image_mean: float
    short_text_least: float
    short_text_mean: float
    long_text_least: float
    long_text_mean: float
    same_top: float
    """Share of each sentence's five best pictures that both find, over all sentences."""
    largest_score_change: float
    """Of a sentence and a picture."""

    @property
    def least(self) -> float:
        """The lowest cosine of all."""
        return min(self.image_least, self.short_text_least, self.long_text_least)


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """What one of the two makes of the same pictures and sentences."""

    images: FloatMatrix
    short: FloatMatrix
    long: FloatMatrix


def made_up_pictures(size: tuple[int, int]) -> PixelBatch:
    """Prepared pictures, uint8 (32, height, width, 3): patches of colour from coarse to fine, the last ones noise."""
    generator = np.random.default_rng(0)
    height, width = size
    made = np.empty((PICTURES, height, width, 3), np.uint8)
    for number, picture in enumerate(made):
        cells = min(2 + number, height, width)
        rows, columns = (np.arange(length) * cells // length for length in size)
        patches = generator.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        picture[...] = patches[rows][:, columns]
    made[-2:] = generator.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return made


def compare(torch_gave: Vectors, onnx_gave: Vectors) -> Parity:
    """Measure the differences."""
    cosines = {
        name: (getattr(torch_gave, name).astype(np.float64) * getattr(onnx_gave, name)).sum(axis=1)
        for name in ("images", "short", "long")
    }
    least = {name: round(float(values.min()), 7) for name, values in cosines.items()}
    mean = {name: round(float(values.mean()), 7) for name, values in cosines.items()}
    scores, others = (np.vstack([one.short, one.long]) @ one.images.T for one in (torch_gave, onnx_gave))
    best, others_best = (np.argsort(-each, axis=1, kind="stable")[:, :TOP] for each in (scores, others))
    shared = [len(set(first) & set(second)) for first, second in zip(best.tolist(), others_best.tolist(), strict=True)]
    return Parity(
        image_least=least["images"],
        image_mean=mean["images"],
        short_text_least=least["short"],
        short_text_mean=mean["short"],
        long_text_least=least["long"],
        long_text_mean=mean["long"],
        same_top=sum(shared) / (TOP * len(shared)),
        largest_score_change=round(float(np.abs(scores - others).max()), 7),
    )
