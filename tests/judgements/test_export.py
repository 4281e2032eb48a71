"""Labels: several people's into one, pictures where they are now, files that read back as what was said."""

import pytest

from search_app.datatypes import Known, Picture
from search_app.errors import JudgementError
from search_app.evaluation.trec import encode_path, read_qrels, read_topics
from search_app.judgements.export import merged
from search_app.judgements.importing import judgements_from_labels
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.reports import LabelsWanted, stored_labels
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter, PictureName, Round, RoundQuery
from tests.judgements.made import judgement


@pytest.fixture
def store(tmp_path):
    store = JudgementStore(tmp_path, encode_path)
    yield store
    store.close()


def indexed(**paths: str) -> IndexedPictures:
    """Path stem to the letter of its content; `two_words` is at `two words.jpg`."""
    return IndexedPictures.of(
        Known(number, Picture(f"{stem.replace('_', ' ')}.jpg", letter * 32, 1, 1, 8, 8, "JPEG"))
        for number, (stem, letter) in enumerate(paths.items(), 1)
    )


def grades_of(store, pictures=None, **wanted):
    labels = stored_labels(store, LabelsWanted(**wanted), (pictures or indexed()).locate)
    return {labels.topics[qid]: dict(grades) for qid, grades in labels.grades.items()}


@pytest.mark.parametrize(
    ("given", "majority", "mean"),
    [
        ([2], 2, 2),
        ([0, 2], 0, 1),
        ([1, 2], 1, 1),
        ([0, 2, 2], 2, 1),
        ([1, 2, 2], 2, 2),
        ([0, 1, 2], 0, 1),
        ([0, 1], 0, 0),
    ],
)
def test_doubt_makes_nothing_relevant(given, majority, mean):
    assert (merged(given, "majority"), merged(given, "mean")) == (majority, mean)


def test_files_read_back_as_what_was_judged(store, tmp_path):
    store.add([
        judgement("1", picture="a", grade=2),
        judgement("2", picture="b", grade=0),
        judgement("3", picture="c", verdict="skipped"),
        judgement("4", query="Über dogs?", picture="a", grade=1),
    ])  # fmt: skip
    labels = stored_labels(store, LabelsWanted(), indexed(two_words="a", b="b", c="c").locate)
    qrels, topics = tmp_path / "q.txt", tmp_path / "t.tsv"
    qrels.write_text(labels.qrels_text(store.spell_path), encoding="utf-8")
    topics.write_text(labels.topics_text(), encoding="utf-8")
    texts, read = read_topics(topics), read_qrels(qrels).grades
    assert {texts[qid]: grades for qid, grades in read.items()} == {
        "car": {"two words.jpg": 2, "b.jpg": 0},
        "Über dogs?": {"two words.jpg": 1},
    }


def test_a_label_follows_its_picture_and_its_copies_and_never_sits_on_another(store):
    store.add([judgement("1", picture="a"), judgement("2", picture="b"), judgement("3", picture="c")])
    now = indexed(renamed="a", copy="a", b="x")
    assert grades_of(store, now) == {"car": {"renamed.jpg": 2, "copy.jpg": 2, "c.jpg": 2}}
    assert stored_labels(store, LabelsWanted(), now.locate).left_out == 1


def test_whose_and_what_kind_of_labels_are_wanted(store):
    store.add([
        judgement("1", grade=2),
        judgement("2", grade=0, assessor="bob"),
        judgement("3", grade=0, assessor="cat"),
        judgement("4", grade=2, assessor="dan", source="thumb", picture="b"),
        judgement("5", grade=0, source="thumb"),
    ])  # fmt: skip
    assert grades_of(store) == {"car": {"a.jpg": 0}}
    assert grades_of(store, merge="mean") == {"car": {"a.jpg": 1}}
    assert grades_of(store, assessor="ann") == {"car": {"a.jpg": 2}}
    assert grades_of(store, source="thumb") == {"car": {"a.jpg": 0, "b.jpg": 2}}
    assert grades_of(store, source="all", assessor="ann") == {"car": {"a.jpg": 2}}


def test_query_ids_are_those_of_the_rounds_and_never_shared(store):
    rounds = Rounds(store)
    one, other = PictureName("a" * 32, "a.jpg"), PictureName("b" * 32, "b.jpg")
    rounds.add(Round("r", "", "grade", (RoundQuery("7", "car", (one,)), RoundQuery("dog", "a hound", (other,)))))
    store.add([
        judgement("0", query="dog"),
        judgement("1", round_id="r"),
        judgement("2", query="a hound", picture="b", round_id="r"),
        judgement("3", query="犬"),
    ])  # fmt: skip
    assert stored_labels(store, LabelsWanted(), indexed().locate).topics == {
        "dog-2": "dog",
        "7": "car",
        "dog": "a hound",
        "query": "犬",
    }
    assert grades_of(store, round_id="r") == {"car": {"a.jpg": 2}, "a hound": {"b.jpg": 2}}


def test_categories_become_queries(store):
    of_category = {"kind": "category", "query": "", "grade": None}
    store.add([
        judgement("1", picture="a", categories=("cars", "travel"), **of_category),
        judgement("2", picture="b", categories=("cars",), **of_category),
        judgement("3", picture="c", categories=(), **of_category),
    ])  # fmt: skip
    assert grades_of(store, kind="category") == {
        "cars": {"a.jpg": 1, "b.jpg": 1, "c.jpg": 0},
        "travel": {"a.jpg": 1, "b.jpg": 0, "c.jpg": 0},
    }


def test_labels_from_elsewhere_come_in_once_and_take_nothing_back(store):
    topics, grades = {"q": "car"}, {"q": {"a.jpg": 2, "gone.jpg": 1}}
    found = judgements_from_labels(topics, grades, indexed(a="a"), "ann")
    assert (found.unknown, found.contradicting) == (["gone.jpg"], [])
    store.add(found.judgements)
    store.add([judgement("corrected", grade=0)])
    store.add(judgements_from_labels(topics, grades, indexed(a="a"), "ann").judgements)
    assert grades_of(store) == {"car": {"a.jpg": 0}}
    assert store.count(Filter(history=True)) == 2


def test_one_picture_graded_twice_under_two_names_is_told(store):
    topics, grades = {"q": "car", "r": "car"}, {"q": {"a.jpg": 2, "copy.jpg": 1}, "r": {"copy.jpg": 2}}
    found = judgements_from_labels(topics, grades, indexed(a="a", copy="a"), "ann")
    assert [each.grade for each in found.judgements] == [2]
    assert found.contradicting == ["copy.jpg"]


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(JudgementError, match="no words for query q2"):
        judgements_from_labels({}, {"q2": {"a.jpg": 1}}, indexed(a="a"), "ann")
    with pytest.raises(JudgementError, match=r"a\.jpg has grade 3"):
        judgements_from_labels({"q": "car"}, {"q": {"a.jpg": 3}}, indexed(a="a"), "ann")
