"""Queries without an answer: the area under the ROC curve and the threshold; the index against exact search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.datatypes import Neighbours
from search_app.evaluation.absent import MEASURES, AbsentPart, outranked, rejected
from search_app.evaluation.ann import ann_recall
from search_app.evaluation.runner import EvaluationOptions
from search_app.evaluation.sections import About
from search_app.evaluation.trec import Qrels, Ranking

SCORES = st.lists(st.integers(0, 9).map(float), min_size=1, max_size=12).map(np.array)


@given(SCORES, SCORES)
def test_the_area_counts_every_pair(absent, present):
    wins = [1.0 if high > low else 0.5 if high == low else 0.0 for low in absent for high in present]
    assert outranked(absent, present).mean() == pytest.approx(np.mean(wins))


@given(SCORES, SCORES)
def test_the_threshold_is_the_highest_that_turns_away_a_tenth_of_the_present_at_most(absent, present):
    possible = [t for t in present if (present < t).sum() <= 0.1 * len(present)]
    assert rejected(absent, present).mean() == pytest.approx(np.mean(absent < max(possible)))


def test_a_search_that_is_unsure_where_there_is_nothing_is_right():
    topics = {f"a{number}": f"absent {number}" for number in range(10)}
    present = {f"p{number}": f"present {number}" for number in range(20)}
    about = About("slice-absent", "Nothing there", "", topics, Qrels({qid: {"x.jpg": 0} for qid in topics}), {})
    part = AbsentPart(about, present)

    def search(texts, depth):
        assert depth == 10
        return [Ranking(["x.jpg"], np.array([0.9 if text.startswith("present") else 0.1])) for text in texts]

    report = part.evaluate(search, EvaluationOptions(model="m"))["slice-absent"]
    assert part.asked == 30
    assert {name: mean.value for name, mean in report.measures.items()} == {str(each): 1.0 for each in MEASURES}
    blind = part.evaluate(lambda texts, _depth: [Ranking([], np.empty(0)) for _ in texts], EvaluationOptions())
    assert blind["slice-absent"].measures["AUROC"].value == 0.5
    assert blind["slice-absent"].measures["Rejected@10"].value == 0.0
    mean = blind["slice-absent"].measures["AUROC"]
    assert mean.low <= mean.value <= mean.high


def neighbours(scores):
    return Neighbours(np.arange(len(scores), dtype=np.int64), np.array(scores, np.float32))


def test_recall_of_the_index_counts_pictures_as_good_as_the_last_exact_one():
    exact = {0: [0.9, 0.8, 0.7], 1: [0.9, 0.8, 0.8]}
    shipped = {0: [0.9, 0.8, 0.6], 1: [0.9, 0.8, 0.8]}

    def ask(queries):
        return [neighbours((exact if query.exact else shipped)[int(query.vector[0])]) for query in queries]

    found = ann_recall(ask, np.array([[0.0], [1.0]], np.float32), 1000, depth=3)
    assert found.value == pytest.approx((2 / 3 + 1) / 2)
    assert found.worst == pytest.approx(2 / 3)
    assert (found.measure, found.queries, found.pictures) == ("R@3", 2, 1000)
    assert found.low <= found.value <= found.high
