"""Evaluating a search: batches, counts, the run file, the JSON and the table."""

import json

import ir_measures
import numpy as np
import pytest

from search_app.errors import EvaluationError
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.report import format_table
from search_app.evaluation.runner import EvaluationOptions, evaluate
from search_app.evaluation.trec import Qrels, Ranking, read_run, write_qrels

PICTURES = {"cars/red car.jpg": "a red car", "cars/bus.jpg": "a big red bus", "food/caf\u00e9.jpg": "coffee in a cup"}
TOPICS = {"q1": "red car", "q2": "coffee", "q3": "zebra", "q4": "cup"}
QRELS = Qrels(
    {
        "q1": {"cars/red car.jpg": 2, "cars/bus.jpg": 1},
        "q2": {"food/caf\u00e9.jpg": 1, "gone.jpg": 1},
        "q3": {"cars/bus.jpg": 0},
        "q9": {"cars/bus.jpg": 1},
    }
)
MEASURES = parse_measures("P@1 R@2 RR AP nDCG@10")


def word_search(texts, depth):
    """Rank pictures by the words a description shares with the query; none shared is no answer."""
    rankings = []
    for text in texts:
        shared = {path: len(set(text.split()) & set(words.split())) for path, words in PICTURES.items()}
        best = sorted((path for path in shared if shared[path]), key=lambda path: -shared[path])[:depth]
        rankings.append(Ranking(best, np.array([shared[path] for path in best], dtype=np.float32)))
    return rankings


def test_means_queries_and_counts_of_a_small_collection():
    report = evaluate(word_search, TOPICS, QRELS, MEASURES, EvaluationOptions(indexed=PICTURES))
    assert report.queries["q1"] == {"P@1": 1.0, "R@2": 1.0, "RR": 1.0, "AP": 1.0, "nDCG@10": 1.0}
    assert report.queries["q2"]["R@2"] == 0.5
    assert report.queries["q3"] == report.queries["q9"] == dict.fromkeys(report.measures, 0.0)
    assert report.measures["P@1"].value == 0.5
    assert report.measures["P@1"].low < 0.5 < report.measures["P@1"].high
    counts = report.counts
    assert (counts.topics, counts.measured, counts.without_qrels, counts.without_topic) == (4, 4, 1, 1)
    assert (counts.unanswered, counts.without_relevant) == (1, 1)
    assert (counts.judgements, counts.judged_pictures, counts.unknown_pictures) == (6, 4, 1)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_batches_change_nothing_and_progress_reaches_the_end(batch_size):
    seen = []
    options = EvaluationOptions(batch_size=batch_size)
    report = evaluate(word_search, TOPICS, QRELS, MEASURES, options, lambda done, total: seen.append((done, total)))
    assert report.queries == evaluate(word_search, TOPICS, QRELS, MEASURES, EvaluationOptions()).queries
    assert [done for done, _ in seen] == sorted({min(4, n) for n in range(batch_size, 4 + batch_size, batch_size)})
    assert {total for _, total in seen} == {4}


def test_the_run_file_holds_every_topic_and_gives_ir_measures_the_same_means(tmp_path):
    run, qrels = tmp_path / "run.txt", tmp_path / "qrels.txt"
    write_qrels(qrels, QRELS)
    options = EvaluationOptions(run_file=run, model="words", depth=2)
    report = evaluate(word_search, TOPICS, QRELS, MEASURES, options)
    assert set(read_run(run)) == {"q1", "q2", "q4"}
    names = [ir_measures.parse_measure(name) for name in report.measures]
    theirs = ir_measures.calc_aggregate(
        names, ir_measures.read_trec_qrels(str(qrels)), ir_measures.read_trec_run(str(run))
    )
    for name in names:
        assert report.measures[str(name)].value == pytest.approx(theirs[name], abs=1e-9)


def test_the_json_has_the_promised_form():
    options = EvaluationOptions(model="lite", collection="images")
    content = json.loads(json.dumps(evaluate(word_search, TOPICS, QRELS, MEASURES, options).to_json()))
    assert content["model"] == "lite"
    assert content["collection"] == "images"
    assert list(content["measures"]) == ["P@1", "R@2", "RR", "AP", "nDCG@10"]
    assert set(content["measures"]["nDCG@10"]) == {"value", "low", "high"}
    assert content["queries"]["q1"]["nDCG@10"] == 1.0
    assert content["counts"]["measured"] == 4


def test_the_table_is_aligned_and_says_what_is_suspicious():
    report = evaluate(word_search, TOPICS, QRELS, MEASURES, EvaluationOptions(indexed=PICTURES))
    lines = format_table(report).splitlines()
    rows = lines[1 : 1 + len(MEASURES)]
    assert [row.split()[0] for row in rows] == list(map(str, MEASURES))
    assert len({row.index(".") for row in rows}) == 1
    assert "note: 1 of 4 judged pictures are not in the index" in lines
    assert "note: 1 judged queries missing from the topics, counted as zero" in lines


def test_topics_and_qrels_that_do_not_belong_together_are_refused():
    with pytest.raises(EvaluationError, match="do the two files belong together"):
        evaluate(word_search, {"other": "car"}, QRELS, MEASURES, EvaluationOptions())


def test_a_search_that_loses_an_answer_is_noticed():
    with pytest.raises(ValueError, match="zip"):
        evaluate(lambda texts, depth: word_search(texts, depth)[1:], TOPICS, QRELS, MEASURES, EvaluationOptions())
