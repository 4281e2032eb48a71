"""`python -m benchmarks.matched_words ADS [CACHE]`: are printed words shown as matches where they are?

ADS holds `images/` and the ads' statements. A statement is asked of its own ad and of five others, drawn at random:
words should be shown on the first and seldom on the others. Prints the share of ads with a line shown, and lines an ad.
What was read is kept in the folder CACHE (default: thrown away), which `benchmarks.words` shares.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.words import read_words
from search_app.datatypes import PrintedWords
from search_app.encoders.base import SentenceEncoder
from search_app.evaluation.ads import read_labels, statement_queries
from search_app.evaluation.statistics import bootstrap_interval
from search_app.wiring import open_sentences
from search_app.words.matching import MEANING_BOUND, find_terms, match_words
from search_app.words.tokens import FUNCTION_WORDS, tokenize

BOUNDS = (0.3, 0.35, 0.4, 0.45, 0.5)
OTHERS = 5
SEED = 20261125
Rule = Callable[[str, str], int]
"""Statement and path to the number of lines shown."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("cache", type=Path, nargs="?", help="folder that keeps what was read")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        read = read_words(arguments.ads / "images", arguments.cache or Path(place))
    found = statement_queries(read_labels(arguments.ads / "QA_test_statements.json"), [*read])
    asked = [(text, next(iter(found.qrels.grades[qid]))) for qid, text in found.topics.items()]
    print(f"{len(asked)} statements about {len({path for _, path in asked})} of {len(read)} ads")
    print("| Rule | shown on its own ad | on another | lines an ad: own | another |\n|---|---|---|---|---|")
    for name, rule in rules(read, open_sentences(), [text for text, _ in asked]).items():
        print(f"| {name} | {' | '.join(measured(rule, asked, list(read)))} |")
    return 0


def rules(read: Mapping[str, PrintedWords], sentences: SentenceEncoder, texts: Sequence[str]) -> dict[str, Rule]:
    """The ways to choose lines, ours last."""
    lines = {path: [word.text for word in words.words] for path, words in read.items()}
    distinct = list(dict.fromkeys([*texts, *(line for own in lines.values() for line in own)]))
    vectors = dict(zip(distinct, sentences.encode_sentences(distinct), strict=True))

    def any_term(text: str, path: str) -> int:
        return sum(bool(find_terms(line, frozenset(tokenize(text)))) for line in lines[path])

    def form(text: str, path: str) -> int:
        return len(match_words(text, read[path]))

    def meaning(bound: float) -> Rule:
        return lambda text, path: sum(float(vectors[line] @ vectors[text]) >= bound for line in lines[path])

    def both(text: str, path: str) -> int:
        return len(match_words(text, read[path], lambda each: np.stack([vectors[one] for one in each])))

    made: dict[str, Rule] = {
        "form, every term": any_term,
        f"form, without {len(FUNCTION_WORDS)} function words": form,
    }
    made |= {f"meaning from {bound}": meaning(bound) for bound in BOUNDS}
    return made | {f"`match_words`: form, meaning from {MEANING_BOUND}": both}


def measured(rule: Rule, asked: Sequence[tuple[str, str]], paths: Sequence[str]) -> list[str]:
    """Four means; the statements of one ad are drawn together for the intervals of the first two."""
    random = np.random.default_rng(SEED)
    rows = []
    for text, own in asked:
        others = random.choice([path for path in paths if path != own], OTHERS, replace=False)
        counts = [rule(text, str(path)) for path in others]
        first = rule(text, own)
        rows.append([first > 0, np.mean([count > 0 for count in counts]), first, np.mean(counts)])
    values = np.array(rows, np.float64)
    low, high = bootstrap_interval(values, groups=[own for _, own in asked])
    means = values.mean(axis=0)
    shares = [f"{means[at]:.2f} ({low[at]:.2f} to {high[at]:.2f})" for at in (0, 1)]
    return [*shares, f"{means[2]:.1f}", f"{means[3]:.2f}"]


if __name__ == "__main__":
    raise SystemExit(main())
