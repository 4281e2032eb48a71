"""Mean and spread over seeds."""

import pytest

from search_app.training.seeds import SeedTable

TABLE = SeedTable({0: {"R@1": 0.2, "R@10": 0.6}, 3: {"R@1": 0.4, "R@10": 0.7}, 4: {"R@1": 0.3, "R@10": 0.8}})


def test_mean_and_deviation_of_the_sample():
    summary = TABLE.summary()
    assert summary["R@10"] == pytest.approx({"mean": 0.7, "deviation": 0.1, "least": 0.6, "largest": 0.8})
    assert summary["R@1"] == pytest.approx({"mean": 0.3, "deviation": 0.1, "least": 0.2, "largest": 0.4})


def test_one_seed_has_no_spread():
    assert SeedTable({7: {"R@1": 0.25}}).summary() == {
        "R@1": {"mean": 0.25, "deviation": 0.0, "least": 0.25, "largest": 0.25}
    }


def test_json_names_every_seed():
    content = TABLE.to_json()
    assert content["seeds"] == {"0": TABLE.measures[0], "3": TABLE.measures[3], "4": TABLE.measures[4]}
    assert content["summary"] == TABLE.summary()


def test_the_terminal_gets_a_line_a_seed_then_mean_and_deviation():
    assert [line.split() for line in TABLE.lines()] == [
        ["seed", "R@1", "R@10"],
        ["0", "0.2000", "0.6000"],
        ["3", "0.4000", "0.7000"],
        ["4", "0.3000", "0.8000"],
        ["mean", "0.3000", "0.7000"],
        ["deviation", "0.1000", "0.1000"],
    ]
    assert len({len(line) for line in TABLE.lines()}) == 1
