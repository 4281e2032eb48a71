"""Pools hide where candidates came from; rounds are gone through by each in an order of their own."""

from dataclasses import replace

import pytest

from search_app.errors import JudgementError, NotFound
from search_app.judgements.pool import pool, slug
from search_app.judgements.reports import round_agreement
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import PictureName, Round, RoundQuery
from tests.judgements.made import judgement


def picture(letter):
    return PictureName(letter * 32, f"{letter}.jpg")


def query(qid, text, letters):
    return RoundQuery(qid, text, tuple(map(picture, letters)))


@pytest.fixture
def store(tmp_path):
    store = JudgementStore(tmp_path, str)
    yield store
    store.close()


@pytest.fixture
def rounds(store):
    return Rounds(store)


CARS_AND_DOGS = Round(
    "both", "Cars and dogs", "grade", (query("q1", "car", "abcdefgh"), query("q2", "dog", "aij")), seed=3
)


def test_a_pool_is_the_union_of_the_first_answers_in_an_order_that_tells_nothing():
    topics = {"q1": "car", "q2": "dog", "q3": "nobody answers"}
    answers = {
        "one": {"q1": list(map(picture, "zyx")), "q2": [picture("d")]},
        "other": {"q1": list(map(picture, "ayb")), "elsewhere": [picture("e")]},
    }
    assert pool(topics, answers, depth=2) == (query("q1", "car", "ayz"), query("q2", "dog", "d"))


def test_copies_of_one_picture_are_judged_once():
    copy = PictureName("a" * 32, "copy of a.jpg")
    [found] = pool({"q": "car"}, {"one": {"q": [picture("a")]}, "other": {"q": [copy]}}, depth=5)
    assert len(found.pictures) == 1


def test_a_round_comes_back_as_it_was_stored(rounds):
    made = Round("r", "Räder", "category", (query("p", "", "ba"),), 7, ("cars", "küche"), ("index",), 4)
    rounds.add(made)
    rounds.add(CARS_AND_DOGS)
    [stored] = [each for each in rounds.all() if each.id == "r"]
    assert stored.made_at
    assert replace(stored, made_at="") == made
    assert rounds.get("both").size == 11


def test_what_cannot_be_a_round_is_refused(rounds):
    rounds.add(CARS_AND_DOGS)
    with pytest.raises(JudgementError, match="choose another name"):
        rounds.add(CARS_AND_DOGS)
    with pytest.raises(JudgementError, match="nothing to judge"):
        rounds.add(Round("empty", "", "grade", ()))
    with pytest.raises(NotFound):
        rounds.get("other")
    assert not rounds.has("other")


def test_each_assessor_has_an_order_of_their_own_and_keeps_it(rounds):
    rounds.add(CARS_AND_DOGS)
    made = rounds.get("both")

    def order(name):
        return [(item.query.qid, item.picture.path) for item in rounds.items(made, name)]

    orders = {name: order(name) for name in ("ann", "bob", "cat")}
    assert orders["ann"] == order("ann")
    assert len({tuple(each) for each in orders.values()}) == 3
    for each in orders.values():
        assert [qid for qid, _ in each] == ["q1"] * 8 + ["q2"] * 3
        assert sorted(each) == sorted(orders["ann"])
        assert [path for _, path in each[:8]] != sorted(path for _, path in each[:8])


def test_a_grade_counts_in_every_round_and_a_skip_in_its_own(rounds, store):
    rounds.add(CARS_AND_DOGS)
    store.add([
        judgement("1", picture="a", round_id="earlier", grade=1),
        judgement("2", picture="b", round_id="earlier", verdict="skipped"),
        judgement("3", picture="c", round_id="both", verdict="skipped"),
        judgement("4", picture="d", round_id="both", grade=0),
        judgement("5", picture="d", round_id="both", verdict="withdrawn"),
        judgement("6", picture="e", source="thumb"),
        judgement("7", picture="f", assessor="bob"),
    ])  # fmt: skip
    said = {
        item.picture.path[0]: item.recorded.judgement.verdict
        for item in rounds.items(rounds.get("both"), "ann")
        if item.recorded
    }
    assert said == {"a": "graded", "c": "skipped"}


def test_agreement_is_over_what_both_judged(rounds, store):
    rounds.add(CARS_AND_DOGS)
    for name, grades in (("ann", "012"), ("bob", "0122")):
        store.add([
            judgement(f"{name} {letter}", assessor=name, picture=letter, grade=int(grade), round_id="both")
            for letter, grade in zip("abcd", grades, strict=False)
        ])  # fmt: skip
    found = round_agreement(rounds, rounds.get("both"))
    assert (found.assessors, found.units, found.alpha_ordinal) == (("ann", "bob"), 3, 1)


def test_agreement_on_categories_is_picture_by_picture_and_name_by_name(rounds, store):
    rounds.add(Round("topics", "", "category", (query("p", "", "ab"),), categories=("cars", "beauty")))
    of_category = {"kind": "category", "query": "", "grade": None, "round_id": "topics"}
    store.add([
        judgement("1", picture="a", categories=("cars",), **of_category),
        judgement("2", picture="b", categories=(), **of_category),
        judgement("3", picture="a", assessor="bob", categories=("beauty", "cars"), **of_category),
        judgement("4", picture="b", assessor="bob", categories=(), **of_category),
    ])  # fmt: skip
    found = round_agreement(rounds, rounds.get("topics"))
    assert found.units == 4
    [pair] = found.pairs
    assert (pair.shared, pair.same) == (4, 0.75)


def test_slugs_are_words():
    assert slug("Ads, Round 2: Größe!") == "ads-round-2-gr-e"
    assert slug("狗") == ""
