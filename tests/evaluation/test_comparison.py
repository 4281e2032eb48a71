"""Comparing systems: Holm against the definition, symmetry, exact tests, clusters, and what the reader is told."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_app.errors import EvaluationError
from search_app.evaluation.comparison import compare, format_comparison, headline, same_relevant
from search_app.evaluation.report import Counts, Estimate, EvaluationReport, Interval
from search_app.evaluation.statistics import holm
from search_app.evaluation.trec import Qrels

COUNTS = Counts(*[0] * 9)


def report(queries):
    """A report with these values of each query."""
    measures = list(next(iter(queries.values()), {}))
    means = {name: float(np.mean([values[name] for values in queries.values()])) for name in measures}
    estimates = {name: Estimate(mean, mean, mean) for name, mean in means.items()}
    return EvaluationReport(estimates, queries, COUNTS, "model", "collection", 10, Interval(), 0.0)


def by_query(values, measure="AP"):
    return report({f"q{number}": {measure: value} for number, value in enumerate(values)})


def only(comparison):
    (difference,) = comparison.differences
    return difference


def holm_by_definition(p_values):
    """The smallest level at which Holm's procedure rejects each hypothesis, found by running it at every candidate."""
    levels = sorted({min(1.0, p * n) for p in p_values for n in range(1, len(p_values) + 1)})

    def rejected(level):
        remaining = sorted(range(len(p_values)), key=p_values.__getitem__)
        done = set()
        while remaining and p_values[remaining[0]] * len(remaining) <= level:
            done.add(remaining.pop(0))
        return done

    return [next((level for level in levels if place in rejected(level)), 1.0) for place in range(len(p_values))]


@given(st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=7))
def test_holm_is_the_smallest_level_at_which_the_procedure_rejects(p_values):
    assert holm(p_values) == pytest.approx(holm_by_definition(p_values))


def test_p_values_are_corrected_over_all_pairs_and_measures_together():
    random = np.random.default_rng(0)
    reports = {
        name: report({f"q{n}": {"AP": random.random() + lift, "RR": random.random()} for n in range(20)})
        for name, lift in (("a", 0), ("b", 0.2), ("c", 0.4))
    }
    found = compare(reports)
    assert len(found.differences) == 6
    assert [each.p_holm for each in found.differences] == holm([each.p for each in found.differences])
    assert found.winner("AP") == "c"
    assert found.winner("RR") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4).map(lambda n: n / 4)] * 2), min_size=1, max_size=9))
def test_the_test_is_the_enumeration_of_all_swaps_and_swapping_the_systems_turns_the_signs(values):
    first, second = (by_query(column) for column in zip(*values, strict=True))
    found, turned = only(compare({"a": first, "b": second})), only(compare({"b": second, "a": first}))
    differences = np.array([a - b for a, b in values])
    swaps = np.array(list(product([1, -1], repeat=len(values)))) @ differences
    exact = np.mean(np.abs(swaps) >= abs(differences.sum()) - 1e-12)
    assert found.p == pytest.approx(exact, abs=0.025)  # five standard errors of 10,000 swaps
    assert found.p == turned.p
    assert found.difference == -turned.difference == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low), abs=1e-12)
    assert (found.wins, found.ties, found.losses) == (turned.losses, turned.ties, turned.wins)
    assert found.wins == np.sum(differences > 0)
    assert [move.qid for move in found.first_gains] == [move.qid for move in turned.second_gains]


def test_the_queries_that_moved_most_are_named_in_both_directions():
    first = by_query([0.9, 0.1, 0.5, 0.2, 0.5, 0.5, 0.6, 0.7, 0.8, 1.0])
    second = by_query([0.1, 0.9, 0.5, 0.3, 0.4, 0.1, 0.5, 0.5, 0.5, 0.5])
    found = only(compare({"a": first, "b": second}))
    assert [move.qid for move in found.first_gains] == ["q0", "q9", "q5", "q8", "q7"]
    assert [(move.qid, move.first, move.second) for move in found.second_gains] == [("q1", 0.1, 0.9), ("q3", 0.2, 0.3)]


def test_a_lower_mean_rank_wins():
    found = compare({"a": by_query([1.0] * 12, "MeanRank"), "b": by_query([3.0] * 12, "MeanRank")})
    assert only(found).difference == -2
    assert (only(found).wins, only(found).losses) == (12, 0)
    assert found.winner("MeanRank") == "a"
    assert only(found).first_gains
    assert not only(found).second_gains
    assert "lower is better" in format_comparison(found)


def test_copies_of_a_query_are_no_evidence_when_they_are_one_group():
    """Six queries, each asked ten times: as 60 the difference is beyond doubt, as six groups it is not."""
    first = np.repeat([0.4, 0.5, 0.6, -0.1, 0.3, 0.2], 10)
    reports = {"a": by_query(first), "b": by_query(np.zeros(60))}
    groups = {f"q{number}": f"group {number // 10}" for number in range(60)}
    alone, grouped = only(compare(reports)), only(compare(reports, clusters=groups))
    assert alone.p < 0.001
    assert grouped.p == pytest.approx(4 / 64, abs=0.01)
    assert grouped.high - grouped.low > 2.5 * (alone.high - alone.low)
    assert grouped.difference == alone.difference
    assert compare(reports, clusters=groups).clusters == 6


def test_groups_of_one_change_nothing():
    random = np.random.default_rng(3)
    reports = {"a": by_query(random.random(10)), "b": by_query(random.random(10))}
    assert only(compare(reports, clusters={})).p == only(compare(reports)).p


def test_queries_with_the_same_relevant_pictures_are_one_group():
    qrels = Qrels({"cars": {"a": 1, "b": 2}, "cars.1": {"b": 1, "a": 1, "c": 0}, "x": {"a": 1}, "y": {"a": 0}, "z": {}})
    assert same_relevant(qrels) == {"cars": "cars", "cars.1": "cars", "x": "x", "y": "y", "z": "z"}


def test_seeds_repeat_and_differ():
    random = np.random.default_rng(4)
    reports = {"a": by_query(random.random(30)), "b": by_query(random.random(30))}
    assert compare(reports, seed=1) == compare(reports, seed=1)
    assert only(compare(reports, seed=1)).low != only(compare(reports, seed=2)).low


@pytest.mark.parametrize(
    ("reports", "message"),
    [
        ({"a": by_query([1])}, "two systems or more"),
        ({"a": by_query([1, 2]), "b": by_query([1])}, "not measured on the same queries: a has q1, b has not"),
        ({"a": by_query([1]), "b": by_query([1, 2])}, "not measured on the same queries: b has q1, a has not"),
        ({"a": by_query([1]), "b": by_query([1], "RR")}, "not measured on the same measures: a has AP, b has not"),
    ],
)
def test_what_cannot_be_compared_is_named(reports, message):
    with pytest.raises(EvaluationError, match=message):
        compare(reports)


def test_the_table_fits_the_terminal_whatever_the_names():
    long = "ViT-SO400M-14-SigLIP-384/webli with a very long name of its own, number "
    random = np.random.default_rng(5)
    reports = {
        f"{long}{number}": report(
            {f"a-long-query-id-{n}": {"nDCG@1000": random.random(), "MeanRank": 9.0} for n in range(9)}
        )
        for number in range(3)
    }
    text = format_comparison(compare(reports), {f"a-long-query-id-{n}": "words\n" * 40 for n in range(9)})
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("won/tied/lost") == 3
    assert "Holm's correction over 6 tests" in text


def test_json_says_what_a_reader_needs():
    found = compare({"a": by_query([0.5, 0.25]), "b": by_query([0.25, 0.5])})
    (entry,) = found.to_json()
    assert entry["difference"] == 0
    assert (entry["first"], entry["second"], entry["measure"]) == ("a", "b", "AP")
    assert (entry["queries"], entry["clusters"], entry["tests"]) == (2, None, 1)
    assert entry["first_gains"] == ({"qid": "q0", "first": 0.5, "second": 0.25},)


def test_the_level_of_the_intervals_is_that_of_the_reports():
    reports = {
        name: replace(by_query(np.linspace(0, n, 20)), interval=Interval(level=0.5)) for n, name in ((1, "a"), (2, "b"))
    }
    wide = {name: by_query(np.linspace(0, n, 20)) for n, name in ((1, "a"), (2, "b"))}
    assert only(compare(wide)).low < only(compare(reports)).low
    assert compare(reports).alpha == 0.5


def test_the_headline_is_the_measure_readers_know_best():
    assert headline(["P@1", "AP", "nDCG@10"]) == "nDCG@10"
    assert headline(["Success@3", "R@2"]) == "Success@3"
