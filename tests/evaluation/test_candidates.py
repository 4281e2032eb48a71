"""The choice between statements: the protocol spelled out, ties, same topics, and draws that are the same for all."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_app.evaluation.candidates import (
    CandidatesPart,
    Task,
    choose,
    collect_statements,
    playing,
    score_matrix,
)
from search_app.evaluation.runner import EvaluationOptions
from search_app.evaluation.trec import Ranking

OWNED = {f"{number}.jpg": [f"statement {number} {letter}" for letter in "abc"] for number in range(8)}
TOPICS = {f"{number}.jpg": str(number % 2) for number in range(8)}
TASK = Task("candidates", "Which?", own=3, candidates=9)
HARD = Task("hard", "Which?", own=3, candidates=9, same_topic=True)


def knows(number_of_texts):
    """A search that knows whose each statement is, for statements with these numbers."""

    def search(texts, depth):
        rankings = []
        for text in texts:
            owner = text.split()[1]
            paths = sorted(OWNED, key=lambda path: path != f"{owner}.jpg" or owner not in number_of_texts)
            scores = np.array([float(path == f"{owner}.jpg" and owner in number_of_texts) for path in paths])
            rankings.append(Ranking(paths[:depth], scores[:depth]))
        return rankings

    return search


def measured(search, task=TASK, draws=20):
    statements = collect_statements(OWNED, TOPICS)
    part = CandidatesPart(statements, (task,), len(OWNED), draws=draws)
    return part.evaluate(search, EvaluationOptions())[task.name]


def test_who_knows_all_is_always_right_and_who_knows_nothing_is_right_by_chance():
    assert measured(knows("01234567")).measures["P@1"].value == 1
    assert measured(knows("01234567")).measures["MeanRank"].value == 1
    nothing = measured(knows(""))
    assert nothing.measures["P@1"].value == pytest.approx(3 / 9)  # all scores are equal: 3 of 9 candidates are right
    assert nothing.measures["MeanRank"].value == pytest.approx(1 + 6 / 4)


def test_who_knows_half_is_right_there_and_by_chance_elsewhere():
    half = measured(knows("0123"))
    assert half.queries["1.jpg"] == {"P@1": 1.0, "MeanRank": 1.0}
    assert half.queries["5.jpg"]["P@1"] == pytest.approx(3 / 9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
)
def test_a_choice_is_the_mean_over_all_orders_of_equal_scores(right, wrong):
    first, rank = choose(np.array([right], np.float32), np.array([wrong], np.float32))
    firsts, ranks = [], []
    labelled = [(score, True, place) for place, score in enumerate(right)]
    labelled += [(score, False, place) for place, score in enumerate(wrong)]
    for order in permutations(labelled):
        ranked = sorted(order, key=lambda candidate: -candidate[0])  # stable: equal scores stay in this order
        firsts.append(ranked[0][1])
        ranks.append(1 + [candidate[1] for candidate in ranked].index(True))
    assert first[0] == pytest.approx(np.mean(firsts))
    assert rank[0] == pytest.approx(np.mean(ranks))


def test_hard_candidates_are_of_the_same_topic_and_pictures_without_enough_sit_out():
    statements = collect_statements(OWNED, TOPICS)
    others = statements.others(0, same_topic=True)
    assert {statements.topics[statements.owners[place]] for place in others} == {"0"}
    assert 0 not in statements.owners[others]
    few = collect_statements({name: OWNED[name] for name in ("0.jpg", "2.jpg", "1.jpg")}, TOPICS)
    assert playing(few, HARD) == []
    assert [few.pictures[place] for place in playing(few, TASK)] == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_sentence_about_two_pictures_is_no_wrong_candidate_of_either():
    statements = collect_statements({"a.jpg": ["Buy a car", "Go"], "b.jpg": ["buy a CAR", "Stay"]}, {})
    assert [statements.texts[place] for place in statements.others(0, same_topic=False)] == ["Stay"]


def test_every_system_chooses_among_the_same_candidates():
    asked = []

    def spying(search):
        def spy(texts, depth):
            asked.append(tuple(texts))
            return search(texts, depth)

        return spy

    first = measured(spying(knows("0123")), draws=3)
    assert measured(spying(knows("0123")), draws=3).queries == first.queries
    assert asked[0] == asked[len(asked) // 2]


def test_a_picture_that_is_not_found_has_no_score():
    statements = collect_statements(OWNED, TOPICS)
    matrix = score_matrix(lambda texts, _depth: [Ranking([], np.empty(0)) for _ in texts], statements, 8)
    assert np.isneginf(matrix).all()


def test_a_large_collection_is_drawn_from(monkeypatch):
    monkeypatch.setattr("search_app.evaluation.candidates.MAX_PICTURES", 4)
    drawn = collect_statements(OWNED, TOPICS, seed=1)
    assert len(drawn.pictures) == 4
    assert drawn.pictures == collect_statements(OWNED, TOPICS, seed=1).pictures
    assert len(drawn.texts) == 12
