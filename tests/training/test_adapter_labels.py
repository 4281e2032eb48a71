"""Labels of any source become one table over the pictures of a collection."""

import numpy as np
import pytest

from search_app.errors import ModelMismatch, TrainingError
from search_app.index.memory.store import MemoryStore
from search_app.training.adapter import vectors as adapter_vectors
from search_app.training.adapter.labels import MOST_TEXTS, Labels, LabelSource, read_pairs, without
from search_app.training.adapter.vectors import StoredVectors
from tests.index.points import FOLDER, OTHER, SPEC, points, unit

ROWS = {f"{number}.jpg": number for number in range(12)}


def source(grades, topics=None, origin="labels") -> LabelSource:
    return LabelSource(origin, topics or {qid: f"text of {qid}" for qid in grades}, grades)


def test_sources_are_laid_over_each_other_by_text():
    first = source({"a": {"0.jpg": 2, "1.jpg": 1, "2.jpg": 0}}, {"a": "red  cars"})
    second = source({"x": {"3.jpg": 1}, "y": {"4.jpg": 1}}, {"x": "red cars", "y": "boats"})
    labels = Labels.of([first, second], ROWS)
    assert labels.texts == ("red cars", "boats")
    assert labels.relevance[0, :5].tolist() == [1, 0.5, 0, 1, 0]
    assert labels.judged[0, :5].tolist() == [True, True, True, True, False]
    assert labels.answers()[1].tolist() == [0, 1, 3, 4]


def test_queries_with_the_same_relevant_pictures_are_one_group():
    labels = Labels.of(
        [source({"a": {"0.jpg": 2, "1.jpg": 1}, "b": {"0.jpg": 1, "1.jpg": 1, "2.jpg": 0}, "c": {"0.jpg": 1}})], ROWS
    )
    assert labels.groups[0] == labels.groups[1] != labels.groups[2]


def test_pictures_that_are_gone_are_told_and_queries_without_any_left_out():
    labels = Labels.of([source({"a": {"0.jpg": 1, "gone.jpg": 1}, "b": {"gone.jpg": 1}, "c": {"1.jpg": 0}})], ROWS)
    assert labels.texts == ("text of a",)
    assert labels.absent == ("gone.jpg",)


def test_labels_of_another_collection_are_refused_with_an_example():
    with pytest.raises(TrainingError, match=r"qrels\.txt: no picture .* such as cars/1\.jpg"):
        Labels.of([source({"a": {"cars/1.jpg": 1}}, origin="qrels.txt")], ROWS)


def test_a_judged_query_without_text_is_refused():
    with pytest.raises(TrainingError, match="query b is judged but has no text"):
        source({"a": {"0.jpg": 1}, "b": {"0.jpg": 1}}, {"a": "cars"})


def test_too_few_pictures_and_too_many_texts_are_refused():
    Labels.of([source({"a": dict.fromkeys([*ROWS][:10], 1)})], ROWS).require_enough()
    with pytest.raises(TrainingError, match=r"9 pictures .* 10 are needed"):
        Labels.of([source({"a": dict.fromkeys([*ROWS][:9], 1)})], ROWS).require_enough()
    many = {str(number): {f"{number % 12}.jpg": 1} for number in range(MOST_TEXTS + 1)}
    with pytest.raises(TrainingError, match=rf"{MOST_TEXTS + 1} different texts .*`train finetune`"):
        Labels.of([source(many)], ROWS).require_enough()


def test_pairs_are_labels_too(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("0.jpg\ta red  car\n\nsub/a b.jpg\ta red car\n0.jpg\tan old car\n")
    pairs = read_pairs(path)
    assert pairs.origin == "pairs.tsv"
    by_text = {text: pairs.grades[qid] for qid, text in pairs.topics.items()}
    assert by_text == {"a red car": {"0.jpg": 1, "sub/a b.jpg": 1}, "an old car": {"0.jpg": 1}}


@pytest.mark.parametrize("line", ["0.jpg a car", "\ta car", "0.jpg\t "])
def test_a_line_of_another_form_is_named(tmp_path, line):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"0.jpg\ta car\n{line}\n")
    with pytest.raises(TrainingError, match=r"pairs\.tsv, line 2: expected `path<TAB>text`"):
        read_pairs(path)


def test_a_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "pairs.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"pairs\.tsv"):
        read_pairs(tmp_path / "pairs.tsv")


def test_what_is_labelled_is_not_neutral():
    assert without(["A fox", "a hen"], ["a Fox"]) == ("a hen",)


def test_stored_vectors_come_in_the_order_of_ids_and_only_from_the_model_asked_for(monkeypatch):
    monkeypatch.setattr(adapter_vectors, "AT_ONCE", 4)
    store = MemoryStore("images")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([7, 3, 5, 11, 2, 20]))
        writer.commit()
    stored = StoredVectors.read(store.reader(), SPEC)
    assert [*stored.rows] == [f"some/{number:06d}.jpg" for number in (2, 3, 5, 7, 11, 20)]
    for row, number in enumerate((2, 3, 5, 7, 11, 20)):
        np.testing.assert_allclose(stored.vectors[row], unit(number), atol=1e-6)
    with pytest.raises(ModelMismatch, match="was made by model small"):
        StoredVectors.read(store.reader(), OTHER)
