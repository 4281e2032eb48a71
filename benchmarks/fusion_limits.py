"""Is fused better than its parts, and could it be? `python -m benchmarks.fusion_limits ADS [--index DIR]`.

First what was aimed at: that fused is better than pictures alone and than print alone by three measures that were named
beforehand, in a paired test, and how far apart they would have to be for that with so many queries. Then ways to let
the pictures say more where they know something and less where they do not, and the best that any weight of theirs
could do. Writes to docs/search.md.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from benchmarks.channels import Channels, asked_suite
from benchmarks.fusion import DOCS, Way, beside_ours, only_print, ours, search_of
from benchmarks.fusion_trials import standardised, unit
from benchmarks.tables import put
from search_app.evaluation.comparison import same_relevant
from search_app.evaluation.differences import Difference
from search_app.evaluation.statistics import group_totals, holm
from search_app.evaluation.suite import Suite, SuiteResult
from search_app.search.fusion import WEIGHTS, Scores, Voice, dense_evidence
from search_app.search.neutral import NEUTRAL_QUERIES
from search_app.search.service import SearchService
from search_app.words.bm25 import AVERAGE_LENGTH, Bm25
from search_app.words.tokens import singular, telling_terms, tokenize

AIMS = (("categories", "nDCG@10"), ("statements", "R@5"), ("candidates", "P@1"))
HALF = 0.5
SURE = 20.0
"""How sharply pictures fall silent, in units of cosine, below what the median of neutral queries finds."""
NEIGHBOURS = 10
NEIGHBOURS_COUNT = 0.3
FIRST = 5
FIRST_COUNT = 0.3
SHRINKAGE = 1.0
COVERAGE = 4.0
_GIVEN = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Weights that the best is taken from, query by query."""


def main() -> int:
    """Ask, try, compare, write."""
    with asked_suite(__doc__) as asked:
        put(DOCS, "fusion aims", aims(asked.channels, asked.suite))
        put(DOCS, "fusion limits", beside_ours(asked, dict(trials(asked.service, asked.channels))))
        put(DOCS, "fusion best weight", best_weight(asked.channels, asked.suite))
    return 0


# --- what was aimed at


def aims(channels: Channels, suite: Suite) -> str:
    """Six comparisons as one family."""
    named: Mapping[str, Way] = {
        "fused": ours(WEIGHTS),
        "print": only_print,
        "pictures": lambda asked: asked.standing["image"],
    }
    results = {name: suite.evaluate(name, search_of(channels, way(channels))) for name, way in named.items()}
    found: list[tuple[str, Difference, float]] = []
    for about in suite.sections:
        for section, measure in AIMS:
            if about.name == section:
                for other in ("print", "pictures"):
                    pair = {name: results[name].reports[section] for name in ("fused", other)}
                    comparison = suite.compare(about, pair)
                    assert comparison is not None  # noqa: S101 - there are two
                    [difference] = [each for each in comparison.differences if each.measure == measure]
                    groups = about.clusters or same_relevant(about.qrels)
                    found.append((section, difference, needed(results, section, (measure, other), groups)))
    corrected = holm([difference.p for _, difference, _ in found])
    rows = [
        f"| {section} {each.measure} | {each.second} | {each.first_mean:.3f} | {each.second_mean:.3f} | "
        f"{each.difference:+.3f} ({each.low:+.3f} to {each.high:+.3f}) | {each.p:.4f} | {p:.4f} | {least:.3f} |"
        for (section, each, least), p in zip(found, corrected, strict=True)
    ]
    head = "| measure | against | fused | the other | difference | p | p (Holm) | significant from about |"
    return "\n".join([head, "|" + "---|" * 8, *rows])


def needed(
    results: Mapping[str, SuiteResult], section: str, which: tuple[str, str], groups: Mapping[str, str]
) -> float:
    """The mean difference at which a test that swaps whole groups would say p = .05 alone, were they to differ as much.

    By the normal limit of the randomisation test: 1.96 times the root of the groups' summed squares.
    """
    measure, other = which
    queries = {name: results[name].reports[section].queries for name in ("fused", other)}
    values = np.array([[queries["fused"][qid][measure] - queries[other][qid][measure]] for qid in queries["fused"]])
    totals, _ = group_totals(values, [groups.get(qid, qid) for qid in queries["fused"]])
    return float(1.96 * np.sqrt((totals**2).sum()) / len(values))


# --- what was tried


def trials(service: SearchService, channels: Channels) -> Iterator[tuple[str, Scores]]:
    """Orders by name."""
    ids, texts = sorted(service.paths()), list(channels.rows)
    printed = only_print(channels)
    seen = pictures_say(channels, channels.standing["image"])
    fused = printed + seen
    best = channels.cosines["image"].max(axis=1, keepdims=True)
    images = service.reader.vectors(ids)
    pictures = np.stack([images[number] for number in ids]).astype(np.float64)
    neutral = float(np.median((service.queries.texts(NEUTRAL_QUERIES) @ pictures.T).max(axis=1)))
    yield "pictures count half", printed + HALF * seen
    yield "pictures as far as they are sure", printed + seen / (1 + np.exp(-SURE * (best - neutral)))
    telling = [" ".join(telling_terms(text)) for text in texts]
    both = unit(service.queries.texts(texts).astype(np.float64) + service.queries.texts(telling))
    yield "pictures asked for the telling words too", printed + pictures_say(channels, standardised(both @ pictures.T))
    meaning = service.reader.vectors(ids, "meaning")
    has = np.array([number in meaning for number in ids])
    prints = np.zeros((len(ids), len(next(iter(meaning.values())))))
    prints[has] = centred(np.stack([meaning[number] for number in ids if number in meaning]).astype(np.float64))
    seen_as = centred(pictures)
    alike = seen_as @ seen_as.T + prints @ prints.T
    np.fill_diagonal(alike, -1)
    near = np.where(alike >= np.sort(alike, axis=1)[:, [-NEIGHBOURS]], np.maximum(alike, 0), 0)
    yield "neighbours in picture and print", fused + NEIGHBOURS_COUNT * fused @ (near / near.sum(1, keepdims=True)).T
    examples = [standardised(like_the_first(fused, rows)) for rows in (seen_as, prints)]
    yield "the first hits as examples", fused + FIRST_COUNT * np.sum(examples, axis=0)
    asked = unit(service.queries.lines(texts).astype(np.float64) - service.queries.lines(NEUTRAL_QUERIES).mean(axis=0))
    told = standardised(asked @ foretold(seen_as, prints, has).T)
    yield "print foretold from the picture", fused + pictures_say(channels, told, Voice(1.5, 1.95))
    words = service.reader.words(ids)
    documents = [words[number].text if number in words else "" for number in ids]
    yield "the share of the query that is printed", fused + COVERAGE * coverage(documents, texts) ** 2
    bm25 = Bm25(documents, average_length=AVERAGE_LENGTH)
    plain = np.stack([bm25.scores(text) for text in texts])
    yield "print asked for function words too", fused + WEIGHTS.form * (plain - channels.form)


def pictures_say(channels: Channels, standing: Scores, voice: Voice = WEIGHTS.image) -> Scores:
    """What the channel of the pictures says from z."""
    return dense_evidence(standing, voice, channels.sizes["image"])


def centred(rows: Scores) -> Scores:
    """Unit rows after their mean is taken off."""
    return unit(rows - rows.mean(axis=0))


def like_the_first(scores: Scores, rows: Scores) -> Scores:
    """Likeness to the mean of the first hits, each by its odds: pseudo-relevance feedback (Rocchio 1971)."""
    first = np.argsort(-scores, axis=1, kind="stable")[:, :FIRST]
    says = np.exp(0.3 * np.take_along_axis(scores, first, axis=1))
    return np.einsum("qk,qkd->qd", says / says.sum(axis=1, keepdims=True), rows[first]) @ rows.T


def foretold(pictures: Scores, prints: Scores, has: np.ndarray) -> Scores:
    """The vector of print by meaning that a picture leads to expect: ridge regression on all other pictures."""
    kernel = pictures[has] @ pictures[has].T
    ridge = SHRINKAGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    weights = np.linalg.solve(kernel + ridge, prints[has])
    expected: Scores = pictures @ pictures[has].T @ weights
    own = np.diag(kernel @ np.linalg.inv(kernel + ridge))[:, None]
    expected[has] = (expected[has] - own * prints[has]) / (1 - own)
    return expected


def coverage(documents: Sequence[str], texts: Sequence[str]) -> Scores:
    """The share, by IDF, of what tells in each query that each document has; a singular and its plural are one."""
    terms = [{*map(singular, tokenize(document))} for document in documents]
    frequencies = Counter(chain.from_iterable(terms))
    count = sum(map(bool, terms))
    shares = np.zeros((len(texts), len(documents)))
    for row, text in enumerate(texts):
        idf = {
            term: np.log((count - frequencies[term] + 0.5) / (frequencies[term] + 0.5) + 1)
            for term in map(singular, telling_terms(text))
        }
        whole = sum(idf.values()) or 1.0
        shares[row] = [sum(idf[term] for term in idf.keys() & own) / whole for own in terms]
    return shares


# --- the limit


def best_weight(channels: Channels, suite: Suite) -> str:
    """What pictures add at several weights, and if for each query the best of these were known."""
    printed, seen = only_print(channels), pictures_say(channels, channels.standing["image"])
    results = [suite.evaluate("", search_of(channels, printed + weight * seen)) for weight in _GIVEN]
    lines = ["| measure | " + " | ".join(f"x {weight:g}" for weight in _GIVEN) + " | the best for each query |"]
    lines.append("|" + "---|" * (len(_GIVEN) + 2))
    for section, measure in AIMS[:2]:  # the choice between statements is between queries: no weight is one query's own
        by_query = [[values[measure] for values in result.reports[section].queries.values()] for result in results]
        means = [*np.mean(by_query, axis=1), np.max(by_query, axis=0).mean()]
        lines.append(f"| {section} {measure} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
