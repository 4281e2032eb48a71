"""`python -m benchmarks.lite_objects OBJECTS ADS [MODEL]`: how well `lite` finds things by their bare name.

OBJECTS holds `objects.json` and rendered objects on a transparent ground, ADS the labelled image ads; MODEL is a folder
that `train lite` wrote (default: the bundled model). Prints the mean reciprocal rank of each object by its words among
all, pasted on white and small on a colour, and the mean average precision of the ads' topics by their keys.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from search_app.encoders.lite import LiteEncoder
from search_app.encoders.lite_manifest import MODEL_FOLDER
from search_app.evaluation.ads import category_queries, read_categories, read_labels
from search_app.images.decode import decode_image

FEWEST = 9
"""Topics with fewer pictures are left out: their figures say little."""


def main() -> int:
    """Measure and print."""
    objects, ads = Path(sys.argv[1]), Path(sys.argv[2])
    encoder = LiteEncoder(Path(sys.argv[3]) if len(sys.argv) > 3 else MODEL_FOLDER)
    entries = json.loads((objects / "objects.json").read_text(encoding="utf-8"))
    texts = encoder.encode_texts([entry["words"] for entry in entries])
    cut_out = [Image.open(objects / entry["file"]).convert("RGBA") for entry in entries]
    for name, pictures in (("on white", map(on_white, cut_out)), ("small, on a colour", small_on_colour(cut_out))):
        ranks = own_ranks(texts @ encode(encoder, pictures).T)
        print(f"{len(entries)} objects {name}: MRR {(1 / (1 + ranks)).mean():.3f}")
    print(topics(encoder, ads))
    return 0


def on_white(picture: Image.Image) -> Image.Image:
    """In the middle of a white square."""
    side = max(picture.size)
    ground = Image.new("RGBA", (side, side), "white")
    ground.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return ground.convert("RGB")


def small_on_colour(pictures: Iterable[Image.Image]) -> Iterable[Image.Image]:
    """Anywhere in a square twice as wide, each of another colour; the same every time."""
    random = np.random.default_rng(0)
    for picture in pictures:
        side = 2 * max(picture.size)
        ground = Image.new("RGBA", (side, side), (*map(int, random.integers(40, 240, 3)), 255))
        place = (int(random.uniform(0, side - picture.width)), int(random.uniform(0, side - picture.height)))
        ground.alpha_composite(picture, place)
        yield ground.convert("RGB")


def topics(encoder: LiteEncoder, ads: Path) -> str:
    """Each topic by its key."""
    paths = {path.relative_to(ads / "images").as_posix(): path for path in sorted((ads / "images").rglob("*.jpg"))}
    categories = read_categories(ads / "Topics_List.txt")
    found = category_queries(categories, read_labels(ads / "Topics.json"), paths)
    keys = {category.key: category.key.replace("_", " ") for category in categories}
    asked = {qid: keys[qid] for qid, grades in found.qrels.grades.items() if qid in keys and len(grades) >= FEWEST}
    texts = encoder.encode_texts(list(asked.values()))
    pictures = (decode_image(p, max_pixels=10**8, min_size=encoder.spec.image_size).image for p in paths.values())
    scores = texts @ encode(encoder, pictures).T
    relevant = [np.array([path in found.qrels.grades[qid] for path in paths]) for qid in asked]
    means = [average_precision(row, own) for row, own in zip(scores, relevant, strict=True)]
    return f"{len(paths)} ads, {len(asked)} topics ({', '.join(asked.values())}): mAP {np.mean(means):.3f}"


def encode(encoder: LiteEncoder, pictures: Iterable[Image.Image]) -> np.ndarray:
    """Vectors, (n, dim)."""
    return encoder.encode_images(np.stack([encoder.prepare(picture) for picture in pictures]))


def own_ranks(scores: np.ndarray) -> np.ndarray:
    """How many columns score higher than the one on the diagonal."""
    return (scores > np.diag(scores)[:, None]).sum(1)


def average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Of one query."""
    hits = relevant[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


if __name__ == "__main__":
    sys.exit(main())
