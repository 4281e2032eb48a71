"""A head learns from labels what generalises, is held back where it does not, and leaves other queries alone."""

from dataclasses import replace

import numpy as np
import pytest

from search_app.encoders.adapter_head import text_kernel
from search_app.errors import TrainingError
from search_app.evaluation.measures import parse_measures, score_ranking
from search_app.training.adapter.fit import AdapterOptions, fit_head, kernel_sharpness, read_neutral
from search_app.training.adapter.folds import (
    average_precision,
    each_fold,
    held_out_precision,
    kept_answers,
    ranks,
    split,
    split_groups,
)
from search_app.training.adapter.strength import LEAST_KEPT, choose_strength, score
from search_app.training.adapter.validate import Guard, Validation, validate
from tests.training.adapter_world import WORDINGS, make_world, unit

OPTIONS = AdapterOptions()
QUICK = Validation(folds=4, repeats=2)
WORLD = make_world()
NOBODY = Guard(np.zeros((0, WORLD.texts.shape[1]), np.float32), np.zeros(0, np.int64))


def ignore(*_: int) -> None:
    """Progress nobody looks at."""


def without_labels(data, seed=0):
    """The same pictures and texts, labels dealt out at random."""
    order = np.random.default_rng(seed).permutation(len(data.images))
    return replace(data, relevance=data.relevance[:, order], judged=data.judged[:, order])


def test_pictures_and_wordings_that_were_left_out_are_ranked_better():
    for repeat in validate(WORLD, NOBODY, OPTIONS, QUICK, ignore):
        assert repeat.adapted.held_out.mean() > repeat.base.held_out.mean() + 0.2
        assert repeat.adapted.other_wording.mean() > repeat.base.other_wording.mean() + 0.1
        assert min(repeat.strengths) > 0


def test_labels_that_mean_nothing_leave_the_base_alone():
    chosen = [choose_strength(without_labels(make_world(seed=seed), seed), OPTIONS, 0) for seed in range(5)]
    assert chosen.count(0.0) >= 4


def test_phrases_nobody_labelled_keep_their_answers_and_topics_nobody_labelled_lose_little():
    for repeat in validate(WORLD, NOBODY, OPTIONS, QUICK, ignore):
        assert repeat.kept.shape == (len(WORLD.neutral),)
        assert LEAST_KEPT <= repeat.kept.mean() < 1
        assert repeat.adapted.other_topic.mean() > repeat.base.other_topic.mean() - 0.05


def test_watched_queries_are_ranked_by_heads_that_never_saw_their_picture():
    head = fit_head(WORLD, OPTIONS)
    places = np.arange(len(WORLD.texts)) % len(WORLD.images)  # one of the text's own topic, for some of them
    guard = Guard(WORLD.texts, places)
    [repeat] = validate(WORLD, guard, OPTIONS, Validation(folds=4, repeats=1), ignore)
    np.testing.assert_array_equal(repeat.base.guarded, ranks(WORLD.texts @ WORLD.images.T, places))
    by_heart = ranks(head.at(max(repeat.strengths)).adapt_texts(WORLD.texts) @ WORLD.images.T, places)
    own = WORLD.relevance[np.arange(len(places)), places] > 0
    assert own.any()
    assert repeat.adapted.guarded[own].mean() > by_heart[own].mean()


def test_strength_0_is_the_base():
    head = fit_head(WORLD, OPTIONS).at(0)
    np.testing.assert_allclose(head.adapt_texts(WORLD.texts), WORLD.texts, atol=1e-6)


def test_strength_1_spreads_labelled_scores_as_the_base_does():
    added = fit_head(WORLD, OPTIONS).residuals(WORLD.texts) @ (WORLD.images - WORLD.images.mean(0)).T
    base = WORLD.texts @ (WORLD.images - WORLD.images.mean(0)).T
    assert added.std(axis=1).mean() == pytest.approx(base.std(axis=1).mean(), rel=1e-4)


@pytest.mark.parametrize("pictures", [18, 90], ids=["fewer pictures than dimensions", "more"])
def test_the_head_is_ridge_regression_twice(pictures):
    data = make_world(pictures)
    images = data.images.astype(float) - data.images.mean(0, dtype=float)
    total = data.relevance.sum(1, keepdims=True)
    targets = (data.relevance - total / pictures) / np.sqrt(total)
    added = OPTIONS.image_ridge * np.trace(images.T @ images) / pictures * np.eye(images.shape[1])
    directions = np.linalg.solve(images.T @ images + added, images.T @ targets.T).T
    wanted = np.concatenate([directions, np.zeros(data.neutral.shape)])
    known = np.concatenate([data.texts, data.neutral])
    kernel = text_kernel(known, known, kernel_sharpness(data.neutral, OPTIONS.reach))
    residual = np.linalg.solve(kernel.astype(float) + OPTIONS.text_ridge * np.eye(len(known)), wanted)
    found = fit_head(data, OPTIONS).residual
    np.testing.assert_allclose(found / np.linalg.norm(found), residual / np.linalg.norm(residual), atol=1e-4)


def test_pictures_nobody_judged_are_no_examples_of_what_is_irrelevant():
    data = make_world(unjudged=20)
    other = data.images.copy()
    other[-20:] = other[-20:][::-1]
    np.testing.assert_array_equal(
        fit_head(data, OPTIONS).residual, fit_head(replace(data, images=other), OPTIONS).residual
    )


def test_where_only_relevant_pictures_were_judged_the_others_are_the_contrast():
    one = WORLD.with_queries(np.array([0]))
    one = replace(one, judged=one.relevance > 0)
    head = fit_head(one, OPTIONS)
    [before], [after] = (average_precision(score(h, one.texts, one.images), one.relevance) for h in (None, head))
    assert after > before + 0.2


@pytest.mark.parametrize("value", [0, 1], ids=["nothing is relevant", "everything is"])
def test_labels_without_contrast_are_refused(value):
    data = replace(WORLD, relevance=np.full_like(WORLD.relevance, value))
    with pytest.raises(TrainingError, match="tell no picture from another"):
        fit_head(data, OPTIONS)


def test_a_query_whose_pictures_are_elsewhere_is_unknown():
    rows = np.flatnonzero(WORLD.relevance[0] == 0)
    part = WORLD.with_images(rows)
    same = part.with_queries(np.arange(WORDINGS, len(WORLD.texts)))
    np.testing.assert_array_equal(fit_head(part, OPTIONS).residual, fit_head(same, OPTIONS).residual)


def test_the_same_seed_validates_the_same_and_another_one_differs_a_little():
    first, again, other = (
        validate(WORLD, NOBODY, OPTIONS, Validation(folds=3, repeats=1, seed=seed), ignore)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.adapted.held_out, again.adapted.held_out)
    assert not np.array_equal(first.adapted.held_out, other.adapted.held_out)
    gains = [each.adapted.held_out.mean() - each.base.held_out.mean() for each in (first, other)]
    assert gains[0] == pytest.approx(gains[1], abs=0.1)


def test_progress_reaches_its_end():
    told = []
    validate(WORLD, NOBODY, OPTIONS, Validation(folds=3, repeats=2), lambda *done: told.append(done))
    assert told == [(0, 12), *((done, 12) for done in range(1, 13))]


def test_one_topic_alone_is_validated_too():
    alone = WORLD.with_queries(np.arange(WORDINGS))
    [repeat] = validate(alone, NOBODY, OPTIONS, Validation(folds=3, repeats=1), ignore)
    np.testing.assert_array_equal(repeat.adapted.other_topic, repeat.base.other_topic)
    assert repeat.adapted.held_out.mean() > repeat.base.held_out.mean()


def test_precision_is_that_of_the_evaluation():
    random = np.random.default_rng(0)
    scores = random.normal(size=(8, 30)).astype(np.float32)
    relevance = (random.random((8, 30)) < 0.2).astype(np.float32)
    relevance[7] = 0
    found = average_precision(scores, relevance)
    for row, gains, value in zip(scores[:7], relevance, found, strict=False):
        paths = [str(place) for place in np.argsort(-row)]
        grades = {str(place): 1 for place in np.flatnonzero(gains)}
        assert value == pytest.approx(score_ranking(paths, grades, parse_measures("AP"))[0])
    assert np.isnan(found[7])


def test_what_was_learnt_by_heart_is_not_counted():
    relevance = np.array([[1, 0, 0, 1], [0, 0, 1, 0]], np.float32)
    scores = np.array([[0.9, 0.8, 0.7, 0.1], [0.9, 0.8, 0.7, 0.1]], np.float32)
    # Pictures 0 and 1 were seen: the first query learnt from 0, the second from none of them.
    first, second = held_out_precision(scores, relevance, np.array([0, 1]))
    assert first == pytest.approx(1 / 2)  # 3 after 2; the pictures seen are not in the list
    assert second == pytest.approx(1 / 3)  # 2 after 0 and 1


def test_ranks_count_from_1_and_ties_go_by_place():
    scores = np.array([[3, 1, 2], [1, 1, 1], [1, 1, 1]], np.float32)
    assert ranks(scores, np.array([0, 0, 2])).tolist() == [1, 1, 3]


def test_kept_answers_is_the_share_of_the_first_ten():
    base = np.arange(40, dtype=np.float32)[None]
    assert kept_answers(base, base).tolist() == [1]
    assert kept_answers(-base, base).tolist() == [0]
    assert kept_answers(np.roll(base, 4), base).tolist() == [0.6]


def test_folds_are_even_and_keep_groups_whole():
    folds = split(23, 5, 1)
    assert sorted(np.bincount(folds)) == [4, 4, 5, 5, 5]
    names = np.array(list("aabbbcddee"))
    grouped = split_groups(names, 3, 0)
    assert all(len(set(grouped[names == name])) == 1 for name in "abcde")
    seen = [set(out) for _, out in each_fold(grouped)]
    assert sorted(place for part in seen for place in part) == list(range(10))


def test_neutral_phrases_are_there_and_a_short_file_is_refused(tmp_path):
    assert len(read_neutral()) > 200
    (tmp_path / "few.txt").write_text("a\nb\n")
    with pytest.raises(TrainingError, match=r"few\.txt: holds 2 phrases"):
        read_neutral(tmp_path / "few.txt")
    with pytest.raises(TrainingError, match=r"none\.txt"):
        read_neutral(tmp_path / "none.txt")
    with pytest.raises(TrainingError, match="two neutral phrases"):
        fit_head(replace(WORLD, neutral=unit(WORLD.neutral[:1])), OPTIONS)
