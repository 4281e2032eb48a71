"""Measures: equal to ir-measures on any rankings, and to hand-made figures."""

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_app.errors import EvaluationError
from search_app.evaluation.measures import DEFAULT_MEASURES, Measure, parse_measures, score_ranking, score_rankings
from search_app.evaluation.trec import Qrels, Ranking, RunWriter, read_qrels, read_run, write_qrels

ALL = parse_measures("P@1 P@5 P@100 R@1 R@10 Success@1 Success@5 RR RR@3 AP AP@4 nDCG nDCG@1 nDCG@10 Rprec")
DOCUMENTS = [f"folder/image {number}.jpg" for number in range(12)]

rankings = st.lists(st.sampled_from(DOCUMENTS), unique=True)
# trec_eval's nDCG reads memory it does not own, and may never come back, where all grades of a query are negative.
judgements = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 3), min_size=1).filter(
    lambda grades: max(grades.values()) >= 0
)
queries = st.sampled_from(["q1", "q2", "q3", "q4"])


def _reference(qrels_file, run_file):
    """ir-measures' values by query (a query it leaves out has zero) and its means, from the files alone."""
    names = [ir_measures.parse_measure(str(measure)) for measure in ALL]
    qrels = list(ir_measures.read_trec_qrels(str(qrels_file)))
    run = list(ir_measures.read_trec_run(str(run_file)))
    found = {(each.query_id, str(each.measure)): each.value for each in ir_measures.iter_calc(names, qrels, run)}
    qids = dict.fromkeys(qrel.query_id for qrel in qrels)
    values = [[found.get((qid, str(measure)), 0.0) for measure in ALL] for qid in qids]
    means = ir_measures.calc_aggregate(names, qrels, run)
    return values, [means[name] for name in names]


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(queries, rankings, min_size=1), st.dictionaries(queries, judgements, min_size=1), st.booleans())
def test_values_and_means_equal_ir_measures_on_the_same_files(tmp_path_factory, run, grades, tied):
    """With ties too: a written run breaks them in the order of the ranking, so both sides see one order."""
    folder = tmp_path_factory.mktemp("files")
    answers = {
        qid: Ranking(paths, np.zeros(len(paths)) if tied else np.linspace(1, -1, len(paths)))
        for qid, paths in run.items()
    }
    with RunWriter(folder / "run.txt", "tag") as writer:
        for qid, ranking in answers.items():
            writer.write(qid, ranking)
    write_qrels(folder / "qrels.txt", Qrels(grades))
    qrels = read_qrels(folder / "qrels.txt")
    if not any(answer.paths for answer in answers.values()):
        return  # ir-measures takes no empty run; that every query is zero then is tested below
    values, means = _reference(folder / "qrels.txt", folder / "run.txt")
    for source in (answers, read_run(folder / "run.txt")):
        scores = score_rankings(source.items(), qrels, ALL)
        np.testing.assert_allclose(scores.values, values, rtol=0, atol=1e-9)
        np.testing.assert_allclose(scores.values.mean(axis=0), means, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(DOCUMENTS), st.sampled_from([0.5, 0.25]), min_size=1), judgements)
def test_a_foreign_run_with_ties_is_measured_as_trec_eval_does(tmp_path_factory, scores, grades):
    """RR with a cutoff is left out: there ir-measures takes another tool, which orders ties the other way round."""
    folder = tmp_path_factory.mktemp("files")
    lines = [f"q Q0 {path.replace(' ', '%20')} 1 {score} t\n" for path, score in scores.items()]
    (folder / "run.txt").write_text("".join(lines))
    write_qrels(folder / "qrels.txt", Qrels({"q": grades}))
    values, _ = _reference(folder / "qrels.txt", folder / "run.txt")
    ours = score_rankings(read_run(folder / "run.txt").items(), read_qrels(folder / "qrels.txt"), ALL)
    same = [column for column, measure in enumerate(ALL) if str(measure) != "RR@3"]
    np.testing.assert_allclose(ours.values[:, same], np.array(values)[:, same], rtol=0, atol=1e-9)


def test_figures_worked_out_by_hand():
    paths, grades = ["a", "b", "c", "d"], {"b": 1, "d": 2, "e": 1, "x": 0}
    measures = parse_measures("P@2 P@8 R@4 RR RR@1 AP nDCG@4 Rprec Success@1 Success@2")
    gained = 1 / np.log2(3) + 2 / np.log2(5)
    best = 2 + 1 / np.log2(3) + 1 / np.log2(4)
    expected = [1 / 2, 2 / 8, 2 / 3, 1 / 2, 0, (1 / 2 + 2 / 4) / 3, gained / best, 1 / 3, 0, 1]
    assert score_ranking(paths, grades, measures) == pytest.approx(expected)


def test_judged_queries_without_an_answer_count_as_zero_and_unjudged_ones_not_at_all():
    qrels = Qrels({"answered": {"a": 1}, "silent": {"a": 1}, "nothing relevant": {"a": 0}})
    answer = Ranking(["a"], np.array([1.0]))
    run = [("answered", answer), ("unjudged", answer), ("nothing relevant", answer)]
    scores = score_rankings(run, qrels, parse_measures("P@1"))
    assert dict(zip(scores.qids, scores.values[:, 0], strict=True)) == {
        "answered": 1.0,
        "silent": 0.0,
        "nothing relevant": 0.0,
    }


@pytest.mark.parametrize("name", [*map(str, ALL), *DEFAULT_MEASURES.split(), "MAP", "MRR@10", "NDCG@5"])
def test_names_are_those_of_ir_measures(name):
    (measure,) = parse_measures(name)
    assert str(measure) == str(ir_measures.parse_measure(name))


def test_names_are_separated_by_spaces_or_commas_and_counted_once():
    assert parse_measures(" P@5, RR AP,MAP ") == (Measure("P", 5), Measure("RR"), Measure("AP"))
    assert parse_measures(["P@5", "RR"]) == (Measure("P", 5), Measure("RR"))


@pytest.mark.parametrize("name", ["P", "P@0", "P@-1", "P@x", "Rprec@5", "F1", "", "nDCG@", "p@5", "P@5@5"])
def test_an_unknown_name_is_refused_with_the_list(name):
    with pytest.raises(EvaluationError, match=r"unknown measure .*choose from P@k, R@k"):
        parse_measures([name])
