"""TREC files: what is tolerated, what is refused with its line, and that names survive the way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.errors import EvaluationError
from search_app.evaluation.trec import (
    Qrels,
    Ranking,
    RunWriter,
    decode_path,
    encode_path,
    read_qrels,
    read_run,
    read_topics,
    strictly_decreasing,
    write_qrels,
    write_topics,
)


def _file(tmp_path, content):
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    return path


def test_topics_tolerate_a_byte_order_mark_crlf_and_blank_lines(tmp_path):
    path = _file(tmp_path, b"\xef\xbb\xbfq1\tred car\r\n\r\n   \r\nq2\tcaf\xc3\xa9 \tcr\xc3\xa8me\r\n")
    assert read_topics(path) == {"q1": "red car", "q2": "café \tcrème"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"q1\tcar\nq1\tbus\n", "line 2: query id q1 was used before"),
        (b"q1\tcar\n\nq2 bus\n", "line 3: expected `qid<TAB>text`"),
        (b"q1\t  \n", "line 1: query q1 has no text"),
        (b"\tcar\n", "line 1: the query id '' must be one word"),
        (b"q 1\tcar\n", "line 1: the query id 'q 1' must be one word"),
        (b"q1\tcar\nq2\tcaf\xe9\n", "is not UTF-8; save the file as UTF-8"),
        (b"\n", "holds no queries"),
    ],
)
def test_bad_topics_are_refused_with_file_and_line(tmp_path, content, message):
    path = _file(tmp_path, content)
    with pytest.raises(EvaluationError) as caught:
        read_topics(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EvaluationError, match=r"nowhere\.tsv: cannot be read: No such file"):
        read_topics(tmp_path / "nowhere.tsv")


def test_qrels_are_decoded_normalised_and_clamped(tmp_path):
    qrels = read_qrels(_file(tmp_path, b"q1 0 ./a//my%20car.jpg 2\r\nq1 0 b.jpg -1\nq1 0 b.jpg 0\nq2 0 100%25.jpg 1\n"))
    assert qrels.grades == {"q1": {"a/my car.jpg": 2, "b.jpg": 0}, "q2": {"100%.jpg": 1}}
    assert qrels.spellings["a/my car.jpg"] == "./a//my%20car.jpg"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"q1 0 my car.jpg 1\n", "line 1: expected `qid 0 PATH grade`; a space inside PATH is written %20"),
        (b"q1 0 a.jpg 1\nq1 0 ./a.jpg 2\n", "line 2: ./a.jpg was graded 1 before for query q1"),
        (b"q1 0 a.jpg high\n", "line 1: the grade 'high' is not a whole number"),
        (b"", "holds no judgements"),
    ],
)
def test_bad_qrels_are_refused_with_file_and_line(tmp_path, content, message):
    path = _file(tmp_path, content)
    with pytest.raises(EvaluationError) as caught:
        read_qrels(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"q1 Q0 b.jpg 2 0.4", "line 2: expected `qid Q0 PATH rank score tag`"),
        (b"q1 Q0 a.jpg 2 0.4 t", "line 2: a.jpg was ranked before for query q1"),
        (b"q1 Q0 b.jpg 2 good t", "line 2: the score 'good' is not a number"),
        (b"q1 Q0 b.jpg 2 nan t", "line 2: the score 'nan' is not a number"),
    ],
)
def test_bad_runs_are_refused_with_file_and_line(tmp_path, line, message):
    path = _file(tmp_path, b"q1 Q0 a.jpg 1 0.5 t\n" + line + b"\n")
    with pytest.raises(EvaluationError, match=message):
        read_run(path)


def test_a_run_is_ordered_by_score_and_ties_as_trec_eval_orders_them(tmp_path):
    lines = ["q Q0 a 1 0.5 t", "q Q0 b 2 0.50000000001 t", "q Q0 c 3 0.5 t", "q Q0 d 9 0.7 t", "p Q0 z 1 -1 t"]
    run = read_run(_file(tmp_path, "\n".join(lines).encode()))
    assert list(run["q"].paths) == ["d", "c", "b", "a"]
    assert list(run["p"].paths) == ["z"]


characters = st.characters(exclude_characters="/\0", exclude_categories=["Cs"]) | st.sampled_from(
    " %\udc80\udcff\u3000"
)
parts = st.text(characters).filter(lambda name: name not in {"", ".", ".."})
file_names = st.lists(parts, min_size=1, max_size=3).map("/".join)


@given(file_names)
def test_every_file_name_survives_as_one_word_of_utf_8(path):
    word = encode_path(path)
    assert word.split() == [word]
    assert word.encode("utf-8")
    assert decode_path(word) == path


def test_common_names_are_written_as_they_are():
    assert encode_path("0/café (red),+&#.jpg") == "0/café%20(red),+&#.jpg"


@given(st.lists(file_names, min_size=1, max_size=20, unique=True), st.data())
def test_a_written_run_reads_back_in_its_order_whatever_ties_it_has(tmp_path_factory, paths, data):
    scores = data.draw(st.lists(st.sampled_from([0.25, 0.5, 1.0, 0.0]), min_size=len(paths), max_size=len(paths)))
    path = tmp_path_factory.mktemp("run") / "run.txt"
    with RunWriter(path, "a tag") as run:
        run.write("q1", Ranking(paths, np.array(sorted(scores, reverse=True), dtype=np.float32)))
    assert list(read_run(path)["q1"].paths) == paths


def test_a_run_repeats_the_spelling_of_the_qrels(tmp_path):
    qrels = read_qrels(_file(tmp_path, b"q 0 ./caf%C3%A9.jpg 1\n"))
    path = tmp_path / "run.txt"
    with RunWriter(path, "tag", qrels.spellings) as run:
        run.write("q", Ranking(["café.jpg", "x y.jpg"], np.array([0.5, 0.25])))
    assert path.read_text(encoding="utf-8") == "q Q0 ./caf%C3%A9.jpg 1 0.5 tag\nq Q0 x%20y.jpg 2 0.25 tag\n"


def test_a_run_that_stops_early_leaves_the_earlier_file_as_it_was(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text("before")
    with pytest.raises(AttributeError), RunWriter(path, "tag") as run:
        run.write("q", None)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_in_a_missing_folder_is_refused_by_name(tmp_path):
    with (
        pytest.raises(EvaluationError, match=r"run\.txt: cannot be written"),
        RunWriter(tmp_path / "no" / "run.txt", "t"),
    ):
        pass  # fmt: skip


def test_topics_and_qrels_read_back_as_written(tmp_path):
    write_topics(tmp_path / "t", {"q1": "a\tred\n car"})
    write_qrels(tmp_path / "q", Qrels({"q1": {"my car.jpg": 2, "b.jpg": 0}}))
    assert read_topics(tmp_path / "t") == {"q1": "a red car"}
    assert read_qrels(tmp_path / "q").grades == {"q1": {"my car.jpg": 2, "b.jpg": 0}}


@given(st.lists(st.floats(-1, 1, width=32), max_size=30))
def test_scores_become_strictly_decreasing_by_the_smallest_steps(scores):
    ordered = np.array(sorted(scores, reverse=True), dtype=np.float32)
    result = strictly_decreasing(ordered)
    assert np.all(np.diff(result) < 0)
    np.testing.assert_allclose(result, ordered, rtol=1e-5, atol=1e-40)


@pytest.mark.parametrize("scores", [[0.1, 0.2], [np.nan, 0.1], [0.3]])
def test_a_ranking_that_is_not_best_first_is_a_mistake_of_the_caller(scores):
    with pytest.raises(ValueError, match="best first"):
        Ranking(["a", "b"], np.array(scores))
