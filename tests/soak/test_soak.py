"""The soak itself, shortly, and that it would notice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search_app.search.negation import Understood
from search_app.search.results import Hit, SearchResult, Timings
from tests.soak.questions import difference
from tests.soak.run import Length, soak
from tests.soak.watching import growth

SHORT = Length(4, pictures=40, pause_s=0.5, per_second=15, sample_s=0.2, rebuild_every=1)


def test_a_service_that_is_asked_while_its_index_changes_answers_as_the_oracle_does(tmp_path: Path) -> None:
    report = soak(tmp_path, 7, "stub", SHORT)
    assert report["first errors"] == []
    assert report["first different"] == []
    assert report["compared"] > 20
    assert report["generations"] >= 2
    assert report["runs"]["rebuilds"] >= 1
    assert report["added while serving"] == report["removed while serving"] > 0
    held = report["series"]["service"]
    assert len(held) > 10
    # In so short a time only a coarse leak would show: each index run would leave a handle, a thread or a copy behind.
    assert max(one["handles"] for one in held[-5:]) <= max(one["handles"] for one in held[:10]) + 8
    assert held[-1]["anonymous_mib"] < held[len(held) // 3]["anonymous_mib"] + 60


@pytest.mark.parametrize(
    ("per_hour", "noise", "least", "flat"),
    [
        (0.0, 3.0, 2.0, True),
        (30.0, 1.0, 2.0, False),
        (3.0, 4.0, 2.0, True),
        (6.0, 0.0, 0.5, False),
        (0.0, 0.0, 0.5, True),
    ],
)
def test_growth_is_told_from_noise(per_hour: float, noise: float, least: float, flat: bool) -> None:
    seconds = np.arange(0, 3600, 5)
    values = 200 + per_hour * seconds / 3600 + noise * np.random.default_rng(3).standard_normal(len(seconds))
    values[::50] += 90  # a generation opened beside another
    found = growth(seconds, values)
    assert found.is_flat(least) is flat
    assert found.per_hour == pytest.approx(per_hour, abs=1.0 + noise / 4)


HITS = tuple(
    Hit(number, 0.9 - number / 100, f"{number}.png", 8, 8, 0.9 - number / 100, {"image": 1.0}) for number in range(1, 4)
)
RIGHT = SearchResult(HITS, "stub", "images", 1, Timings(0, 0, 0, 0), Understood("red", ()), no_match=False, relevant=3)


@pytest.mark.parametrize(
    ("hits", "wrong"),
    [
        (HITS, ""),
        (HITS[:2], "2 hits instead of 3"),
        (HITS[::-1], "where"),
        ((*HITS[:2], replace(HITS[2], id=9)), ""),
        ((replace(HITS[0], score=0.5), *HITS[1:]), "instead of"),
        ((replace(HITS[0], path="other.png"), *HITS[1:]), "other.png"),
        ((replace(HITS[0], copies=(7,)), *HITS[1:]), "copies [7]"),
    ],
)
def test_an_answer_that_is_not_the_oracles_is_noticed(hits: tuple[Hit, ...], wrong: str) -> None:
    given = [
        {"id": hit.id, "score": hit.score, "relevance": hit.relevance, "path": hit.path, "copies": [*hit.copies]}
        for hit in hits
    ]
    said = difference({"hits": given, "facets": None}, RIGHT)
    assert wrong in said
    assert bool(said) is bool(wrong)
