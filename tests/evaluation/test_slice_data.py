"""The slice queries are whole, and every picture they judge is among the real ads where those are at hand."""

from pathlib import Path

import numpy as np
import pytest

from search_app.errors import EvaluationError
from search_app.evaluation.slice_data import FOLDER, SLICES, read_slices
from search_app.evaluation.trec import read_qrels
from search_app.judgements.agreement import cohen_kappa, measure_agreement

ADS = Path(__file__).parents[3] / "shared" / "ads"
CORRECTED = {("counting-02", "1/4331.jpg"): 0, ("counting-05", "1/3051.jpg"): 0, ("brand-19", "1/6351.jpg"): 1}
"""Drawn pictures whose grade was corrected after the comparison, with the first assessor's grade before."""


@pytest.fixture(scope="module")
def queries():
    return read_slices()


@pytest.fixture(scope="module")
def pairs(queries):
    """Query and picture to the grades of both assessors; a picture without a line in qrels.txt counts as 0."""
    second = read_qrels(FOLDER / "second_assessor.txt").grades
    return {
        (qid, path): (CORRECTED.get((qid, path), queries.qrels.grades[qid].get(path, 0)), grade)
        for qid, grades in second.items()
        for path, grade in grades.items()
    }


def test_every_slice_has_enough_queries_to_say_something(queries):
    sizes = {name: len(queries.of(name)) for name in SLICES}
    assert all(size >= 15 for size in sizes.values()), sizes
    assert sizes["absent"] >= 30
    assert sum(sizes.values()) == len(queries.topics)


def test_only_absent_queries_have_nothing_relevant_and_all_have_judged_zeros(queries):
    for qid, grades in queries.qrels.grades.items():
        assert set(grades.values()) <= {0, 1, 2}, qid
        assert 0 in grades.values(), qid
        assert (max(grades.values()) == 0) == (queries.slices[qid] == "absent"), qid


def test_each_present_query_has_a_fully_relevant_picture(queries):
    assert [qid for qid, grades in queries.qrels.grades.items() if max(grades.values()) == 1] == []


def test_no_text_is_asked_twice(queries):
    texts = [text.casefold() for text in queries.topics.values()]
    assert len(set(texts)) == len(texts)


def test_ids_name_their_slice(queries):
    assert all(qid.rpartition("-")[0] == name for qid, name in queries.slices.items())


@pytest.mark.skipif(not ADS.is_dir(), reason="the real ads are not beside this checkout")
def test_every_judged_picture_is_among_the_real_ads(queries):
    images = {path.relative_to(ADS / "images").as_posix() for path in (ADS / "images").rglob("*.jpg")}
    second = read_qrels(FOLDER / "second_assessor.txt").grades
    judged = {path for given in (queries.qrels.grades, second) for grades in given.values() for path in grades}
    assert sorted(judged - images) == []


def test_the_second_assessor_graded_ten_pictures_of_eight_queries_a_slice(queries, pairs):
    drawn = [qid for qid, _ in pairs]
    assert {qid: drawn.count(qid) for qid in drawn} == dict.fromkeys(drawn, 10)
    assert {name: sum(queries.slices[qid] == name for qid in set(drawn)) for name in SLICES} == dict.fromkeys(SLICES, 8)


@pytest.mark.parametrize("name", ["all", "all but absent", *SLICES[:-1]])
def test_the_rules_state_the_agreement_of_the_two_assessors(queries, pairs, name):
    left_out = {"all": (), "all but absent": ("absent",)}.get(name, set(SLICES) - {name})
    units = {unit: grades for unit, grades in pairs.items() if queries.slices[unit[0]] not in left_out}
    assert row_of(f"`{name}`" if name in SLICES else name) == agreement_cells(units)


def test_the_rules_state_the_agreement_after_the_corrections(queries, pairs):
    corrected = {unit: (queries.qrels.grades[unit[0]].get(unit[1], 0), grades[1]) for unit, grades in pairs.items()}
    assert row_of("all, corrected") == agreement_cells(corrected)


def test_both_assessors_found_nothing_for_the_absent_queries(queries, pairs):
    assert {grades for (qid, _), grades in pairs.items() if queries.slices[qid] == "absent"} == {(0, 0)}


def test_a_corrected_line_still_differs_from_what_it_was(queries):
    assert all(queries.qrels.grades[qid][path] != before for (qid, path), before in CORRECTED.items())


def test_the_rules_state_the_intervals_of_the_agreement(pairs):
    grades = np.array(list(pairs.values())).reshape(-1, 10, 2)
    intervals = [
        kappa_interval(grades, weighted=False),
        kappa_interval(grades, weighted=True),
        kappa_interval((grades > 0).astype(int), weighted=False),
    ]
    assert row_of("95% interval, all") == ["", "", "", intervals[0], intervals[1], "", "", intervals[2]]


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("slices.tsv", "new-01\tobject\n", "slices.tsv: query new-01 stands only"),
        ("qrels.txt", "new-01 0 a.jpg 1\n", "qrels.txt: query new-01 stands only"),
        ("topics.tsv", "new-01\tred car\n", "qrels.txt: query new-01 stands only"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, name, line, message):
    copy_with(tmp_path, name, line)
    with pytest.raises(EvaluationError, match=message):
        read_slices(tmp_path)


def test_an_unknown_slice_is_refused(tmp_path):
    copy_with(tmp_path)
    slices = tmp_path / "slices.tsv"
    slices.write_text(slices.read_text("utf-8").replace("\tbrand\n", "\tbrands\n", 1), encoding="utf-8")
    with pytest.raises(EvaluationError, match="query brand-01 has no slice among object"):
        read_slices(tmp_path)


def copy_with(folder, name="", line=""):
    for file in ("topics.tsv", "qrels.txt", "slices.tsv"):
        content = (FOLDER / file).read_text(encoding="utf-8")
        (folder / file).write_text(content + (line if file == name else ""), encoding="utf-8")


def row_of(name):
    """The cells after `name` in the table of agreement in RULES.md."""
    rules = (FOLDER / "RULES.md").read_text(encoding="utf-8").partition("### Second assessor")[2]
    (row,) = (line for line in rules.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in row.strip("|").split("|")[1:]]


def agreement_cells(units):
    """Pairs, relevant for each, equal grades, the four figures over three grades, kappa over relevant or not."""
    first, second = ({unit: grades[side] for unit, grades in units.items()} for side in (0, 1))
    whole = measure_agreement({"first": first, "second": second})
    relevant = [[int(grade > 0) for grade in given.values()] for given in (first, second)]
    (pair,) = whole.pairs
    figures = (pair.same, pair.kappa, pair.weighted_kappa, whole.alpha_nominal, whole.alpha_ordinal)
    cells = [str(pair.shared), f"{sum(relevant[0])}, {sum(relevant[1])}"]
    return [*cells, *(f"{value:.2f}" for value in (*figures, cohen_kappa(*relevant)))]


def kappa_interval(grades, *, weighted):
    """Percentiles of kappa over queries drawn with replacement; `grades` is (queries, pictures, assessors)."""
    random = np.random.default_rng(20261125)
    draws = (grades[random.integers(len(grades), size=len(grades))].reshape(-1, 2) for _ in range(2000))
    low, high = np.percentile([cohen_kappa(*draw.T.tolist(), weighted=weighted) for draw in draws], [2.5, 97.5])
    return f"{low:.2f} to {high:.2f}"
