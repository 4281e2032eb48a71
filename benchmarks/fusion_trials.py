"""What else was tried to search pictures and print as one: `python -m benchmarks.fusion_trials ADS [--index DIR]`.

Each trial orders the same pictures as `benchmarks.fusion` does, and is compared with what is shipped by the same paired
tests: `+` where what is shipped is significantly better, `-` where the trial is. Writes to docs/search.md.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.channels import Channels, asked_suite
from benchmarks.fusion import DOCS, FOLDS, Question, beside_ours, filled, labelled, ours
from benchmarks.tables import put
from search_app.search.fusion import WEIGHTS, Scores
from search_app.search.neutral import NEUTRAL_QUERIES
from search_app.search.service import SearchService

LINE_COUNTS = 0.5
"""Of the best line, beside the whole text."""
NEIGHBOURS = 10
NEIGHBOURS_COUNT = 0.3
SHRINKAGE = 3.0
"""Of the covariance, in units of its mean variance."""
SHARPNESS = 0.5
_RIDGE = 0.01
_STEPS = 20


def main() -> int:
    """Ask, try, compare, write."""
    with asked_suite(__doc__) as asked:
        channels = asked.channels
        trials = dict(by_other_vectors(asked.service, channels, list(channels.rows)))
        trials["learned from the labels"] = learned(channels, list(labelled(channels, asked.labels)))
        evidence = ours(WEIGHTS)(channels)
        trials["less what all pictures have"] = (
            evidence - np.logaddexp.reduce(SHARPNESS * evidence, axis=1, keepdims=True) / SHARPNESS
        )
        put(DOCS, "fusion trials", beside_ours(asked, trials))
    return 0


def by_other_vectors(service: SearchService, channels: Channels, texts: Sequence[str]) -> Iterator[tuple[str, Scores]]:
    """The fused order with another channel of the printed words by meaning."""
    ids = sorted(service.paths())
    known = service.reader.vectors(ids, "meaning")
    printing = np.array([number in known for number in ids])
    documents = np.stack([known[number] for number in ids if number in known]).astype(np.float64)
    plain, common = service.queries.lines(texts), service.queries.lines(NEUTRAL_QUERIES).mean(axis=0)
    queries = unit(plain - common)

    def fused(cosines: Scores) -> Scores:
        standing = np.full((len(texts), len(ids)), np.nan)
        standing[:, printing] = standardised(cosines)
        return ours(WEIGHTS)(replace(channels, standing={**channels.standing, "meaning": standing}))

    whole, lines = standardised(queries @ documents.T), best_lines(service, ids, queries)[:, printing]
    yield "the best line beside the whole", fused(whole + LINE_COUNTS * standardised(lines))
    yield "queries as they are", fused(plain @ documents.T)
    yield "half of the neutral taken off", fused(unit(plain - common / 2) @ documents.T)
    centred = documents - documents.mean(axis=0)
    covariance = np.cov(centred.T)
    shrunk = covariance + SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    yield "whitened", fused(unit(np.linalg.solve(shrunk, (plain - common).T).T) @ centred.T)
    alike = unit(centred) @ unit(centred).T
    np.fill_diagonal(alike, -1)
    near = np.where(alike >= np.sort(alike, axis=1)[:, [-NEIGHBOURS]], np.maximum(alike, 0), 0)
    yield "neighbours speak too", fused(whole + NEIGHBOURS_COUNT * whole @ (near / near.sum(1, keepdims=True)).T)


def best_lines(service: SearchService, ids: Sequence[int], queries: Scores) -> Scores:
    """The cosine of the line of each picture that comes nearest to a query; NaN where it has none."""
    words = service.reader.words(ids)
    texts = sorted({line.text for one in words.values() for line in one.words})
    places = {text: place for place, text in enumerate(texts)}
    cosines = queries @ service.queries.lines(texts).T
    best = np.full((len(queries), len(ids)), np.nan)
    for column, number in enumerate(ids):
        if number in words and words[number].words:
            best[:, column] = cosines[:, [places[line.text] for line in words[number].words]].max(axis=1)
    return best


def learned(channels: Channels, questions: Sequence[Question]) -> Scores:
    """A weighted sum of the channels, as z and as they speak, fitted to labels; of pictures that a fit has not seen."""
    speaking = [
        ours(replace(WEIGHTS, form=0.0))(replace(channels, standing={**channels.standing, other: np.full_like(z, -99)}))
        for other, z in channels.standing.items()
    ]
    signs = np.stack([*speaking, filled(channels, "image"), filled(channels, "meaning"), channels.form], axis=-1)
    signs /= signs.reshape(-1, signs.shape[-1]).std(axis=0)
    fold = np.array([zlib.crc32(path.encode()) % FOLDS for path in channels.paths])
    scores = np.empty(signs.shape[:2])
    for number in range(FOLDS):
        scores[:, fold == number] = signs[:, fold == number] @ fitted(signs, questions, fold != number)
    return scores


def fitted(signs: Scores, questions: Sequence[Question], inside: np.ndarray) -> Scores:
    """Weights that make relevant pictures likely among all `inside`, by Newton's steps: ListNet (Cao, ICML 2007)."""
    asked = [each for each in questions if each.gains[inside].any()]
    sizes = Counter(each.section for each in asked)
    large = {"categories", "statements"}
    counts = np.array([(2.0 if each.section in large else 1.0) / sizes[each.section] for each in asked])
    aims = np.stack([2.0 ** each.gains[inside] - 1 for each in asked])
    aims /= aims.sum(axis=1, keepdims=True)
    design = signs[[each.row for each in asked]][:, inside]
    ridge = 2 * _RIDGE * np.eye(design.shape[-1])
    weights = np.zeros(design.shape[-1])
    for _ in range(_STEPS):
        says = np.exp(design @ weights - (design @ weights).max(axis=1, keepdims=True))
        says /= says.sum(axis=1, keepdims=True)
        mean = np.einsum("qp,qpf->qf", says, design)
        gradient = counts @ (mean - np.einsum("qp,qpf->qf", aims, design)) + ridge @ weights
        spread = np.einsum("q,qp,qpf,qpg->fg", counts, says, design, design, optimize=True)
        spread -= np.einsum("q,qf,qg->fg", counts, mean, mean)
        step = np.linalg.solve(spread + ridge, gradient)
        weights -= step / max(1.0, float(np.abs(step).max()))
    return weights


def standardised(scores: Scores) -> Scores:
    """Rows as z."""
    return (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True)


def unit(rows: Scores) -> Scores:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    raise SystemExit(main())
