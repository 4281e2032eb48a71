"""What frozen networks said, kept on disk: computed once, never stale, mended where it is damaged."""

import logging

import numpy as np
import pytest

from search_app.training.feature_cache import FeatureCache, name_of

ORIGIN = [b"network", b"view 0", b"picture"]


class Counter:
    """Makes arrays that tell how often they were asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return np.full((2, 3), self.calls, np.float32), np.arange(4)


def test_the_second_time_nothing_is_computed(tmp_path):
    counter = Counter()
    first = FeatureCache(tmp_path / "cache").arrays(ORIGIN, counter)
    again = FeatureCache(tmp_path / "cache").arrays(ORIGIN, counter)
    assert counter.calls == 1
    for found, wanted in zip(again, first, strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("other", [[b"network", b"view 1", b"picture"], ORIGIN[:2], [*ORIGIN, b"another"]])
def test_another_origin_is_computed(tmp_path, other):
    cache, counter = FeatureCache(tmp_path), Counter()
    cache.arrays(ORIGIN, counter)
    assert cache.arrays(other, counter)[0][0, 0] == 2
    assert cache.arrays(ORIGIN, counter)[0][0, 0] == 1


def test_where_one_piece_ends_and_the_next_begins_counts():
    assert name_of([b"ab", b"c"]) != name_of([b"a", b"bc"])
    assert name_of([b"abc"]) != name_of([b"abc", b""])


@pytest.mark.parametrize("kept", [0, 10, 300, -20])
def test_a_damaged_file_is_computed_again_and_told(tmp_path, caplog, kept):
    cache, counter = FeatureCache(tmp_path), Counter()
    cache.arrays(ORIGIN, counter)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:kept])
    with caplog.at_level(logging.WARNING):
        assert cache.arrays(ORIGIN, counter)[0][0, 0] == 2
    assert file.name in caplog.text
    assert cache.arrays(ORIGIN, counter)[0][0, 0] == 2
    assert counter.calls == 2


def test_a_computation_that_fails_leaves_nothing_behind(tmp_path):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path).arrays(ORIGIN, fail)
    assert list(tmp_path.iterdir()) == []
