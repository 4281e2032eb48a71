"""The slice queries are whole, and every picture they judge is among the real ads where those are at hand."""

from pathlib import Path

import pytest

from search_app.errors import EvaluationError
from search_app.evaluation.slice_data import FOLDER, SLICES, read_slices

ADS = Path(__file__).parents[3] / "shared" / "ads"


@pytest.fixture(scope="module")
def queries():
    return read_slices()


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
    judged = {path for grades in queries.qrels.grades.values() for path in grades}
    assert sorted(judged - images) == []


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
