"""The suite over label files: what is asked of which pictures, baselines, tables, JSON and the gate."""

import json
from dataclasses import replace

import numpy as np
import pytest

from search_app.errors import EvaluationError
from search_app.evaluation.baselines import random_search, words_search
from search_app.evaluation.gate import fallen, read_result
from search_app.evaluation.label_folder import read_label_folder
from search_app.evaluation.page.write import PageHead, write_page
from search_app.evaluation.report import Interval
from search_app.evaluation.runner import EvaluationOptions
from search_app.evaluation.slice_data import read_slices
from search_app.evaluation.suite import CATEGORIES, STATEMENTS, average, build_suite
from search_app.evaluation.suite_report import BEST, SuiteReport
from search_app.evaluation.tables import join
from search_app.evaluation.trec import Ranking

KINDS = {"1": "cars", "2": "food"}
PATHS = [f"{kind}/{number}.jpg" for kind in KINDS.values() for number in range(10)]


@pytest.fixture
def folder(tmp_path):
    """Two categories of ten pictures and three statements of each picture; one picture is not in the index."""
    (tmp_path / "image").mkdir()
    (tmp_path / "Topics_List.txt").write_text('1\tCars (to drive)\n2\t"Food, meals"\n39\tUnclear\n')
    topics = {path: [number] * 3 for number, kind in KINDS.items() for path in PATHS if path.startswith(kind)}
    (tmp_path / "image" / "Topics.json").write_text(json.dumps({**topics, "gone/1.jpg": ["1"] * 3}))
    statements = {path: [f"{path} {word}" for word in ("buy", "eat", "drive")] for path in PATHS}
    (tmp_path / "QA_test_statements.json").write_text(json.dumps(statements))
    return tmp_path


def search(texts, depth):
    """Knows the categories and, of the statements, those about cars."""

    def scores(text):
        kind = "food" if any(word in text for word in ("food", "meals")) else "cars"
        return np.array([1.0 * (path in text) + 0.5 * path.startswith(kind) for path in PATHS])

    rankings = []
    for text in texts:
        found = scores(text)
        order = np.argsort(-found, kind="stable")[:depth]
        rankings.append(Ranking([PATHS[place] for place in order], found[order]))
    return rankings


@pytest.fixture
def suite(folder):
    return build_suite(read_label_folder(folder, PATHS), PATHS, EvaluationOptions(indexed=set(PATHS)))


@pytest.fixture
def report(suite):
    documents = {path: "wheels and seats" if path.startswith("cars") else "eat this food" for path in PATHS}
    results = {"model": suite.evaluate("model", search), "words": suite.evaluate("words", words_search(documents))}
    draws = [suite.evaluate("random", random_search(PATHS, seed)) for seed in range(4)]
    return SuiteReport(suite, {**results, "random": average(draws)})


def test_only_pictures_in_the_index_are_asked_for(suite):
    sections = {about.name: about for about in suite.sections}
    assert list(sections) == [CATEGORIES, STATEMENTS, "candidates", "candidates-hard", "candidates-3"]
    asked = ["cars", "food, meals", "food", "meals", "food meals"]
    assert list(sections[CATEGORIES].topics.values()) == asked
    judged = {path for grades in sections[CATEGORIES].qrels.grades.values() for path in grades}
    assert judged == set(PATHS)
    assert len(sections[STATEMENTS].topics) == 60


def test_a_choice_for_which_no_picture_has_enough_candidates_is_left_out(folder):
    few = [*PATHS[:2], *PATHS[-2:]]
    suite = build_suite(read_label_folder(folder, few), few, EvaluationOptions(indexed=set(few)))
    assert [about.name for about in suite.sections] == [CATEGORIES, STATEMENTS, "candidates-3"]
    assert set(suite.evaluate("chance", random_search(few, 0)).reports) == {CATEGORIES, STATEMENTS, "candidates-3"}


def test_labels_find_pictures_by_a_unique_file_name_and_not_by_an_ambiguous_one(folder):
    with pytest.raises(EvaluationError, match="no label is about any of the 2 pictures"):
        read_label_folder(folder, ["elsewhere/1.jpg", "x.jpg"])  # cars/1.jpg or food/1.jpg?
    (folder / "QA_test_statements.json").write_text(json.dumps({"77.jpg": ["Go by car", " "]}))
    found = read_label_folder(folder, ["deep/77.jpg", "x.jpg"])
    assert found.owned == {"deep/77.jpg": ["Go by car"]}
    assert found.categories is None
    assert read_label_folder(folder, ["a/77.jpg", "b/77.jpg", *PATHS]).owned == {}


def test_a_folder_without_labels_is_refused_with_what_is_expected(tmp_path):
    with pytest.raises(EvaluationError, match=r"expected Topics\.json with Topics_List\.txt"):
        read_label_folder(tmp_path, PATHS)
    with pytest.raises(EvaluationError, match="no such folder"):
        read_label_folder(tmp_path / "gone", PATHS)


def test_the_slices_are_asked_of_the_ads_they_were_judged_on_and_of_no_other_pictures(folder):
    judged = {path for grades in read_slices().qrels.grades.values() for path in grades}
    (folder / "image" / "Topics.json").write_text(json.dumps({path: ["1"] for path in judged}))
    assert read_label_folder(folder, judged).slices is not None
    assert read_label_folder(folder, {*judged, *(f"more/{number}.jpg" for number in range(9))}).slices is None
    assert read_label_folder(folder, sorted(judged)[1:]).slices is None


def test_the_figures_are_what_each_system_knows(report):
    means = {
        name: {section: {m: e.value for m, e in each.measures.items()} for section, each in result.reports.items()}
        for name, result in report.results.items()
    }
    assert means["model"][CATEGORIES]["P@10"] == 1
    assert means["model"][STATEMENTS]["R@1"] == 1
    assert means["model"]["candidates"]["P@1"] == 1
    assert means["words"][CATEGORIES]["P@10"] == pytest.approx(0.6)  # the three of five queries that say "food"
    assert 0.3 < means["random"][CATEGORIES]["P@10"] < 0.7
    assert means["random"]["candidates"]["P@1"] == pytest.approx(0.2, abs=0.06)


def test_the_average_of_draws_is_the_mean_of_each_query(suite):
    draws = [suite.evaluate("random", random_search(PATHS, seed)) for seed in range(3)]
    averaged = average(draws).reports[CATEGORIES]
    for qid, values in averaged.queries.items():
        for measure, value in values.items():
            assert value == pytest.approx(np.mean([each.reports[CATEGORIES].queries[qid][measure] for each in draws]))
    for measure, mean in averaged.measures.items():
        assert mean.value == pytest.approx(np.mean([values[measure] for values in averaged.queries.values()]))


def test_chance_is_repeatable_and_each_text_and_seed_has_its_own(report):
    one, two = random_search(PATHS, 1), random_search(PATHS, 2)
    assert one(["a"], 5)[0].paths == one(["a"], 5)[0].paths
    assert one(["a"], 20)[0].paths != one(["b"], 20)[0].paths
    assert one(["a"], 20)[0].paths != two(["a"], 20)[0].paths


def test_tables_say_means_intervals_pictures_and_who_is_significantly_best(report):
    tables = {table.title: table for table in report.tables()}
    statements = tables["Statements find their picture"]
    assert statements.head == ("measure", "model", "words", "random")
    assert statements.rows[0][0] == "R@1"
    assert statements.rows[0][1] == f"1.000 (1.000 to 1.000){BEST}"
    assert [row[:2] for row in tables["Categories, one by one"].rows] == [("cars", "10"), ("food_meals", "10")]
    assert "MeanRank (lower is better)" in {row[0] for row in tables["Which of three statements?"].rows}
    plain, markdown = join(report.tables()), join(report.tables(), markdown=True)
    assert markdown.count("### ") == len(tables)
    assert "| R@1 | 1.000 (1.000 to 1.000)*" in markdown
    assert "R@1      1.000 (1.000 to 1.000)*" in plain


def test_the_page_shows_every_section(report, tmp_path):
    write_page(tmp_path / "page.html", PageHead("Suite", "evaluate --labels"), report.sections(), lambda _path: None)
    text = (tmp_path / "page.html").read_text()
    assert all(f">{about.title}<" in text for about in report.suite.sections)
    assert "Best queries of model" in text


def test_what_was_kept_for_the_page_are_the_first_answers(report):
    kept = report.results["model"].answers[CATEGORIES]["food_meals"]
    assert kept.paths == search(["food"], 20)[0].paths[:20]


def as_json(report):
    return json.loads(json.dumps(report.to_json()))


def test_nothing_falls_where_nothing_changed(report):
    assert fallen(as_json(report), as_json(report)) == []


def test_a_worse_system_falls_and_a_better_one_does_not(suite, report):
    def worse(texts, depth):
        rankings = search(texts, depth)
        return [Ranking(each.paths[1:], each.scores[1:]) for each in rankings]

    before = as_json(report)
    spoilt = as_json(SuiteReport(suite, {"model": suite.evaluate("model", worse)}))
    falls = fallen(before, spoilt)
    assert {fall.place for fall in falls} >= {f"{STATEMENTS}, model", "candidates, model"}
    assert all(fall.place.endswith(", model") for fall in falls)
    ranks = [fall for fall in falls if fall.measure == "MeanRank"]
    assert ranks
    assert all(fall.now > fall.before for fall in ranks)
    assert fallen(spoilt, before) == []


def test_a_loss_within_the_noise_is_none_and_small_losses_on_all_queries_are_one(report):
    before = as_json(report)
    system = before["sections"][STATEMENTS]["systems"]["random"]
    values = system["queries"]
    for place, qid in enumerate(values):
        values[qid]["RR"] = (place % 10) / 10
    system["measures"]["RR"].update(value=0.45, low=0.37, high=0.53)
    moved = json.loads(json.dumps(before))
    changed = moved["sections"][STATEMENTS]["systems"]["random"]["queries"]
    some = list(changed)[:2]
    for qid in some:
        changed[qid]["RR"] = max(0.0, changed[qid]["RR"] - 0.1)
    only = {"sections": {STATEMENTS: {"systems": {"random": moved["sections"][STATEMENTS]["systems"]["random"]}}}}
    assert fallen(before, only) == []
    for qid in changed:
        changed[qid]["RR"] = values[qid]["RR"] - 0.01
    assert [fall.measure for fall in fallen(before, only)] == ["RR"]


def test_results_of_other_queries_are_no_comparison(report):
    before, now = as_json(report), as_json(report)
    del now["sections"][STATEMENTS]["systems"]["model"]["queries"]["cars/1.1"]
    with pytest.raises(EvaluationError, match=r"cars/1\.1 is in one of the two"):
        fallen(before, now)
    with pytest.raises(EvaluationError, match="nothing to compare"):
        fallen({"sections": {}}, now)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_file_that_is_no_result_is_named(tmp_path, content):
    (tmp_path / "old.json").write_text(content)
    with pytest.raises(EvaluationError, match=r"old\.json: is not the JSON"):
        read_result(tmp_path / "old.json")
    with pytest.raises(EvaluationError, match=r"gone\.json: cannot be read"):
        read_result(tmp_path / "gone.json")


def test_intervals_are_repeatable_by_their_seed(suite):
    again = replace(suite, options=replace(suite.options, interval=Interval(seed=0)))
    other = replace(suite, options=replace(suite.options, interval=Interval(seed=5)))
    random = random_search(PATHS, 0)
    first, same, different = (
        each.evaluate("random", random).reports[STATEMENTS].measures["RR"] for each in (suite, again, other)
    )
    assert first == same
    assert first.value == different.value
    assert first != different
