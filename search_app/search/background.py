"""What a collection looks like when nothing is asked: a sample of its pictures that scores are compared with."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from search_app.datatypes import Condition, DenseChannel, FloatMatrix, FloatVector, Manifest
from search_app.index.base import IndexReader
from search_app.index.fields import META_PREFIX
from search_app.search.fusion import Scores
from search_app.words.tokens import singular, tokenize

SAMPLE = 1_024
"""Pictures; of a smaller collection all. A mean over them is within 3 % of a deviation of that over the collection."""
_DRAWS = 4
"""Times that ids are drawn where most of them are of pictures that were removed."""
_FLAT = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A sample of one generation."""

    generation: int
    count: int
    """Pictures in the collection."""
    vectors: Mapping[DenseChannel, FloatMatrix]
    """Of the sample, shape (n, dim) each; the channel of the words holds pictures with words only."""
    frequencies: Mapping[str, int]
    """In how many pictures of the sample a term is printed, in singular or plural; by its singular."""
    documents: int
    """Pictures of the sample with printed words."""
    sampled: int
    has_copies: bool = True
    """Whether any pictures of the collection are copies of each other."""
    fields: tuple[str, ...] = ()
    """Metadata fields that pictures of the sample have, as conditions name them."""

    @property
    def likeness(self) -> float:
        """Cosine of two pictures taken at random: the squared length of their mean vector."""
        mean = self.vectors["image"].mean(axis=0) if self.sampled else np.zeros(1)
        return min(float(mean @ mean), 0.99)

    def size(self, channel: DenseChannel) -> int:
        """How many pictures of the collection can be found in a channel, as the sample tells."""
        share = len(self.vectors[channel]) / self.sampled if self.sampled else 0.0
        return round(share * self.count)

    def standing(self, channel: DenseChannel, vector: FloatVector) -> Callable[[Scores], Scores]:
        """Tells how far scores of `vector` stand out from those of the sample, in standard deviations (z).

        The sample is compared once, here; what comes back may be asked often.
        """
        # Row by row, which takes half a millisecond. For one product of this size BLAS wakes a thread for each core; on
        # a machine that has other work they wait for each other, turning, twenty times as long.
        sample = np.vecdot(self.vectors[channel], vector)
        mean, deviation = (float(sample.mean()), float(sample.std())) if len(sample) else (0.0, 0.0)
        if deviation < _FLAT:
            return lambda scores: np.where(np.isnan(scores), np.nan, 0.0)
        return lambda scores: (scores - mean) / deviation

    def rarity(self, term: str) -> float:
        """What a printed term tells, a `singular`: its IDF in the sample, ln((N - df + .5) / (df + .5) + 1)."""
        found = self.frequencies.get(term, 0)
        return math.log((self.documents - found + 0.5) / (found + 0.5) + 1)


def read_background(reader: IndexReader, manifest: Manifest) -> Background:
    """Draw the sample: evenly over the ids, the same for the same generation."""
    image: dict[int, FloatVector] = {}
    for ids in _draws(manifest.next_id - 1):
        image |= reader.vectors(ids)
        if len(image) >= min(SAMPLE, manifest.count):
            break
    kept = sorted(image)
    has_words = bool(manifest.words_fingerprint)
    meaning = reader.vectors(kept, "meaning") if has_words else {}
    meta = {name for known in reader.fetch(kept).values() for name in known.picture.meta}
    texts = [words.text for words in reader.words(kept).values() if words.words] if has_words else []
    return Background(
        generation=manifest.generation,
        count=manifest.count,
        vectors={
            "image": _rows([image[number] for number in kept], manifest.dim),
            "meaning": _rows([*meaning.values()], manifest.words_dim),
        },
        frequencies=Counter(term for text in texts for term in set(map(singular, tokenize(text)))),
        documents=len(texts),
        sampled=len(kept),
        has_copies=bool(reader.facet("copy_of", where=(Condition("copy_of", gte=1),), limit=1)),
        fields=tuple(sorted(f"{META_PREFIX}{name}" for name in meta)),
    )


def _draws(highest: int) -> Iterator[list[int]]:
    """Ids to try, a sample at a time: many of them may be of pictures that were removed."""
    if highest <= SAMPLE:
        yield list(range(1, highest + 1))
        return
    step = highest / SAMPLE
    for part in range(_DRAWS):
        yield sorted({1 + int(step * (number + part / _DRAWS)) for number in range(SAMPLE)} - {highest + 1})


def _rows(vectors: list[FloatVector], dim: int) -> FloatMatrix:
    return np.stack(vectors).astype(np.float32) if vectors else np.empty((0, dim), np.float32)
