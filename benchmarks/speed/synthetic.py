"""Whether synthetic vectors lie among each other, and to sentences, as those of real pictures do.

How they are made: a real vector and some of its nearest neighbours are mixed with weights by chance (Dirichlet), and to
that comes the sum of two differences between other real neighbours. So the noise has the covariance that was measured
between neighbours, its spectrum included, and nothing is isotropic that is not in the real ones.

The comparison takes the seeds from one half of the real vectors and asks of the other half and of as many synthetic
ones: distances to neighbours 1, 10 and 100, local intrinsic dimension (maximum likelihood: Levina & Bickel, NIPS 2004),
hubness (skewness of the number of times a vector is among the 10 nearest of others: Radovanovic et al., JMLR 2010) and
what a graph of equal settings finds. Once with a vector a seed, once with eight, as large collections are made of few.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.exact import neighbours
from benchmarks.speed.graphs import PLAIN, Asking, Graphs
from benchmarks.speed.options import parser_of
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.vectors import Cache
from search_app.datatypes import FloatMatrix

BLOCK = 4_096
_MIXED = 6
"""A vector and five neighbours."""
_WEIGHTS = 0.3
"""Of the Dirichlet distribution: below 1, so that most vectors lie near to one or two of those mixed."""
_NOISE = 0.9
SEEDED = (1, 8)
"""Synthetic vectors for each seed."""


@dataclass(frozen=True)
class Synthetic:
    """Any number of vectors around `seeds`, block by block; block n is the same however many are asked for."""

    seeds: FloatMatrix
    near: NDArray[np.int64]
    """Shape (seeds, 6): each seed and its nearest."""
    number: int = 0

    @classmethod
    def around(cls, seeds: FloatMatrix, number: int = 0) -> "Synthetic":
        """Look for the neighbours of the seeds; takes their number squared."""
        return cls(seeds, neighbours(seeds, seeds, _MIXED)[0], number)

    def blocks(self, count: int) -> Iterator[FloatMatrix]:
        """`count` unit rows, 4,096 at a time."""
        for start in range(0, count, BLOCK):
            yield self._block(start // BLOCK)[: count - start]

    def rows(self, count: int) -> FloatMatrix:
        """`count` unit rows at once."""
        return np.concatenate([*self.blocks(count)])

    def _block(self, block: int) -> FloatMatrix:
        chance = np.random.default_rng([self.number, block])
        mixed = self.near[chance.integers(len(self.near), size=BLOCK)]
        weights = chance.dirichlet([_WEIGHTS] * _MIXED, BLOCK).astype(np.float32)
        rows = np.einsum("nk,nkd->nd", weights, self.seeds[mixed], optimize=True)
        for _ in range(2):
            one = chance.integers(len(self.near), size=BLOCK)
            other = self.near[one, chance.integers(1, _MIXED, BLOCK)]
            rows += np.float32(_NOISE / 2) * (self.seeds[one] - self.seeds[other])
        return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def described(rows: FloatMatrix, sentences: FloatMatrix) -> dict[str, Any]:
    """Measures of the neighbourhoods in `rows`, and of sentences among them."""
    found, scores = neighbours(rows, rows, 101)
    _, said = neighbours(sentences, rows, 100)
    return {
        "distance": _distances(scores[:, 1:]),
        "sentence_distance": _distances(said),
        "dimension": _dimension(scores[:, 1:]),
        "hubness": _skewness(np.bincount(found[:, 1:11].ravel(), minlength=len(rows))),
    }


def _distances(scores: FloatMatrix) -> dict[str, list[float]]:
    """Quartiles of the cosine distance to neighbours 1, 10 and 100."""
    return {
        str(place): [round(float(one), 4) for one in np.percentile(1 - scores[:, place - 1], [25, 50, 75])]
        for place in (1, 10, 100)
    }


def _dimension(scores: FloatMatrix) -> float:
    """Of rows without a copy among their neighbours; the inverses are averaged (MacKay & Ghahramani, 2005)."""
    far = np.sqrt(np.maximum(2 - 2 * scores.astype(np.float64), 0))
    far = far[far[:, 0] > 1e-3]
    return round(float(1 / np.mean(np.log(far[:, -1:] / far[:, :-1]))), 1)


def _skewness(counts: NDArray[np.int64]) -> float:
    return round(float(np.mean((counts - counts.mean()) ** 3) / counts.std() ** 3), 2)


def compared(real: FloatMatrix, sentences: FloatMatrix, work: Path | None) -> dict[str, Any]:
    """Real vectors and as many synthetic ones, none of them seeds; graphs too where there is a work folder."""
    order = np.random.default_rng(0).permutation(len(real))
    half = len(real) // 2
    held = real[order[half:]]
    kinds = {"real": held} | {
        f"synthetic, {each} a seed": Synthetic.around(real[order[: half // each]]).rows(len(held)) for each in SEEDED
    }
    figures: dict[str, Any] = {"count": len(held), "dim": int(real.shape[1]), "kinds": {}}
    for name, rows in kinds.items():
        figures["kinds"][name] = described(rows, sentences)
        if work is not None:
            figures["kinds"][name]["graph"] = _graph(rows, sentences, work / name.replace(" ", "-"))
        note(f"{name}: {figures['kinds'][name]}")
    return figures


def _graph(rows: FloatMatrix, sentences: FloatMatrix, folder: Path) -> dict[str, float]:
    graphs = Graphs(folder, rows, {"sentences": sentences})
    return {
        str(ef): graphs.measured(PLAIN, [Asking(ef=ef)])["asked"][0]["sentences"]["recall"] for ef in (16, 32, 64, 128)
    }


def table(result: Result) -> str:
    """Markdown: a measure a line."""
    kinds = result.figures["kinds"]
    rows: dict[str, list[str]] = {
        f"{result.figures['count']:,} vectors of {result.figures['dim']} dimensions": [*kinds],
        "---": ["---"] * len(kinds),
    }
    for key, name in (("distance", "picture"), ("sentence_distance", "sentence")):
        for place in ("1", "10", "100"):
            rows[f"{name} to neighbour {place}: cosine distance, median (quartiles)"] = [
                "{1:.3f} ({0:.3f} to {2:.3f})".format(*kind[key][place]) for kind in kinds.values()
            ]
    rows["local intrinsic dimension"] = [str(kind["dimension"]) for kind in kinds.values()]
    rows["hubness (skewness of 10-occurrences)"] = [str(kind["hubness"]) for kind in kinds.values()]
    for ef in kinds["real"].get("graph", {}):
        rows[f"recall@10 of sentences, m 16, ef {ef}"] = [f"{kind['graph'][ef]:.3f}" for kind in kinds.values()]
    return "\n".join([*(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def main() -> None:
    """Compare and write."""
    parser = parser_of("synthetic", __doc__)
    parser.add_argument("--cache", type=Path, required=True, help="what `python -m benchmarks vectors` filled")
    parser.add_argument("--count", type=int, default=32_768, help="real vectors, half of them seeds")
    parser.add_argument("--work", type=Path, help="build graphs too, here")
    arguments = parser.parse_args()
    cache, bench = Cache(arguments.cache), Bench("synthetic", results=arguments.results)
    real = cache.real(1_024 if arguments.quick else arguments.count)
    figures = compared(real, cache.sentences(1_000), arguments.work)
    graphs = " --work WORK" if arguments.work else ""
    result = bench.write(figures, f"python -m benchmarks synthetic --cache CACHE --count {len(real)}{graphs}")
    print(table(result))


if __name__ == "__main__":
    main()
