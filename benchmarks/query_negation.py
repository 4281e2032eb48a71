"""Queries "X without Y" out of judged ones: wanted are the pictures of X that are none of Y."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.channels import read_channels
from benchmarks.query_measuring import (
    Trial,
    World,
    against,
    mean,
    pictures_say,
    print_says,
    search_of,
    table,
    together,
)
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.runner import Search
from search_app.evaluation.statistics import bootstrap_interval, holm, randomisation_test
from search_app.evaluation.trec import Qrels, Ranking
from search_app.search.negation import understand
from search_app.search.query import SearchQuery, Term, WordsMode
from search_app.search.service import SearchService

LEAST = 2
"""Pictures that X and Y share at least, and that X has alone."""
FIRST = 10
BASE = "understood"
"""What `/search` does by default."""
_WITH = ("categories", "object", "attribute", "abstract", "brand")
_WITHOUT = ("object", "attribute")
Ask = Callable[[str, str], SearchQuery]
"""From X and Y to a query."""


def negation_table(world: World) -> str:
    """A row for each way to ask and each mode, against the way that is the default."""
    wanted, unwanted, pairs, whole = negations(world.kinds)
    paths = world.service.paths()
    rows = []
    for mode in ("off", "fused"):
        searches = {
            name: _search(world.service, paths, {text: ask(*pair) for text, pair in pairs.items()})
            for name, ask in ways(mode).items()
        }
        searches |= apart(world, pairs) if mode == "fused" else {}
        reports = {name: wanted.report(search) for name, search in searches.items()}
        shares = {name: _shares(search, wanted, unwanted) for name, search in searches.items()}
        told = against(reports[BASE], {name: each for name, each in reports.items() if name != BASE}, wanted)
        fewer = _fewer(shares[BASE], {name: each for name, each in shares.items() if name != BASE}, wanted)
        rows += [
            [mode, name, mean(report), told.get(name, ""), f"{shares[name].mean():.3f}", fewer.get(name, "")]
            for name, report in reports.items()
        ]
    groups = len(set(wanted.clusters.values()))
    asked = f"{len(pairs)} queries about {groups} different X; {whole} of them are split into just X and Y."
    head = ["words", "asked", "AP", "difference", f"Y in the first {FIRST}", "difference"]
    return f"{asked}\n\n{table(head, rows)}"


def ways(mode: WordsMode) -> dict[str, Ask]:
    """How the same wish can be put."""

    def minus(weight: float) -> Ask:
        return lambda x, y: SearchQuery(x, limit=1000, words=mode, understand=False, terms=(Term(y, weight=weight),))

    return {
        "as it stands": lambda x, y: SearchQuery(f"{x} without {y}", limit=1000, words=mode, understand=False),
        "understood": lambda x, y: SearchQuery(f"{x} without {y}", limit=1000, words=mode),
        "X alone": lambda x, _y: SearchQuery(x, limit=1000, words=mode, understand=False),
        "X, Y at -0.5": minus(-0.5),
        "X, Y at -1": minus(-1),
        "X, Y at -2": minus(-2),
    }


def apart(world: World, pairs: Mapping[str, tuple[str, str]]) -> dict[str, Search]:
    """Ways that no query can put: other texts for the print than for the pictures, X and Y split without mistakes."""
    texts = dict.fromkeys(text for whole, (x, y) in pairs.items() for text in (whole, x, y))
    channels = read_channels(world.service, list(texts))
    seen, printed = pictures_say(channels), print_says(channels, channels.form)
    whole, x, y = ([channels.rows[text] for text in some] for some in (pairs, *zip(*pairs.values(), strict=True)))
    scores = {
        "pictures X, Y at -1; print all": seen[x] - seen[y] + printed[whole],
        "pictures X, Y at -1; print X": seen[x] - seen[y] + printed[x],
        "pictures X, Y at -0.5; print all": seen[x] - 0.5 * seen[y] + printed[whole],
        "pictures X, Y at -0.5; print X": seen[x] - 0.5 * seen[y] + printed[x],
    }
    rows = {text: row for row, text in enumerate(pairs)}
    return {name: search_of(channels.paths, rows, each) for name, each in scores.items()}


def negations(kinds: Mapping[str, JudgedQueries]) -> tuple[Trial, dict[str, set[str]], dict[str, tuple[str, str]], int]:
    """All pairs that the judgements tell apart.

    Returns:
        The queries with X but not Y as relevant, in groups of one X; the pictures of Y by query; X and Y by text; and
        how many texts are split into just these two.

    """
    texts = {qid: text for kind in kinds.values() for qid, text in kind.topics.items()}
    relevant = {
        qid: {path: grade for path, grade in grades.items() if grade > 0}
        for kind in kinds.values()
        for qid, grades in kind.qrels.grades.items()
    }
    topics, grades, unwanted, pairs = {}, {}, {}, {}
    for x in _names(kinds, _WITH):
        for y in _names(kinds, _WITHOUT):
            left = {path: grade for path, grade in relevant[x].items() if path not in relevant[y]}
            shared = len(relevant[x]) - len(left)
            if x == y or shared < LEAST or len(left) < LEAST:
                continue
            qid = f"{x} - {y}"
            topics[qid], grades[qid] = f"{texts[x]} without {texts[y]}", left
            unwanted[qid], pairs[topics[qid]] = set(relevant[y]), (texts[x], texts[y])
    trial = together(JudgedQueries(topics, Qrels(grades)), measure="AP")
    trial = Trial(trial.queries, trial.measure, {qid: qid.split(" - ")[0] for qid in topics})
    whole = sum(_is_read(text, pair) for text, pair in pairs.items())
    return trial, unwanted, pairs, whole


def _names(kinds: Mapping[str, JudgedQueries], chosen: Sequence[str]) -> list[str]:
    """Query ids; of a category its name alone, not the variations."""
    return [qid for kind in chosen for qid in kinds[kind].topics if "." not in qid]


def _is_read(text: str, pair: tuple[str, str]) -> bool:
    read = understand(text)
    x, y = pair
    return read.text == x and len(read.without) == 1 and read.without[0].split() == _bare(y)


def _bare(text: str) -> list[str]:
    words = text.split()
    return words[1:] if words[0] in {"a", "an", "the"} else words


def _search(service: SearchService, paths: Mapping[int, str], queries: Mapping[str, SearchQuery]) -> Search:
    kept: dict[str, Ranking] = {}

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        for text in texts:
            if text not in kept:
                # Their order is that of all channels together, which the cosines that are told do not follow.
                ids = service.search_ids(queries[text]).ids.tolist()
                kept[text] = Ranking([paths[number] for number in ids], -np.arange(len(ids), dtype=np.float64))
        return [Ranking(kept[text].paths[:depth], kept[text].scores[:depth]) for text in texts]

    return search


def _shares(search: Search, trial: Trial, unwanted: Mapping[str, set[str]]) -> np.ndarray:
    """The share of Y among the first hits of each query."""
    topics = trial.queries.topics
    rankings = search(list(topics.values()), FIRST)
    return np.array([len(unwanted[qid] & set(each.paths)) / FIRST for qid, each in zip(topics, rankings, strict=True)])


def _fewer(base: np.ndarray, others: Mapping[str, np.ndarray], trial: Trial) -> dict[str, str]:
    """Differences of shares with intervals and stars, as `against` has them for a measure."""
    names = [trial.clusters[qid] for qid in trial.queries.topics]
    told, p_values = {}, []
    for name, shares in others.items():
        difference = shares - base
        low, high = bootstrap_interval(difference[:, None], groups=names)
        told[name] = f"{difference.mean():+.3f} ({low[0]:+.3f} to {high[0]:+.3f})"
        sums = np.array(
            [[values[np.array(names) == one].sum() for one in dict.fromkeys(names)] for values in (shares, base)]
        )
        p_values.append(randomisation_test(sums[0], sums[1]))
    stars = ["*" if p < 0.05 else "" for p in holm(p_values)]
    return {name: text + star for (name, text), star in zip(told.items(), stars, strict=True)}
