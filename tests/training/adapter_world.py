"""A made-up world in which a base understands its topics badly: what a head has to learn is known."""

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.training.adapter.fit import AdapterData

DIM = 24
TOPICS = 6
WORDINGS = 3


def unit(rows: np.ndarray) -> FloatMatrix:
    scaled: FloatMatrix = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def make_world(pictures: int = 90, *, seed: int = 0, unjudged: int = 0) -> AdapterData:
    """Each topic's pictures and texts lie about two unrelated directions; of the true one the texts know little.

    Texts and neutral phrases share one direction, as the texts of real encoders do.
    """
    random = np.random.default_rng(seed)
    seen, said = random.normal(size=(2, TOPICS, DIM))
    common = 2 * random.normal(size=DIM)
    topics = np.arange(pictures) % TOPICS
    images = unit(seen[topics] + 1.2 * random.normal(size=(pictures, DIM)))
    of = np.repeat(np.arange(TOPICS), WORDINGS)
    texts = unit(common + said[of] + 0.25 * seen[of] + 0.15 * random.normal(size=(len(of), DIM)))
    judged = np.broadcast_to(np.arange(pictures) < pictures - unjudged, (len(of), pictures)).copy()
    relevance = ((of[:, None] == topics) & judged).astype(np.float32)
    neutral = unit(common + random.normal(size=(60, DIM)))
    return AdapterData(texts, images, relevance, judged, tuple(f"topic {number}" for number in of), neutral)
