"""What is kept in memory: the value kept last, while it is used, and never more bytes than the limit."""

import random
from collections import OrderedDict

from search_app.api.kept import Kept


def kept(most_bytes: int) -> Kept[str, bytes]:
    return Kept(most_bytes, lambda key, value: len(key) + len(value))


def test_the_value_kept_last_is_the_one_that_is_given() -> None:
    cache = kept(100)
    assert cache.get("a") is None
    cache.keep("a", b"first")
    cache.keep("a", b"second")
    assert cache.get("a") == b"second"


def test_the_least_recently_used_go_first_when_bytes_run_out() -> None:
    cache = kept(24)
    cache.keep("a", b"x" * 10)
    cache.keep("b", b"x" * 10)
    assert cache.get("a")
    cache.keep("c", b"x" * 10)
    assert [key for key in "abc" if cache.get(key)] == ["a", "c"]


def test_what_is_larger_than_the_limit_is_not_kept() -> None:
    cache = kept(5)
    cache.keep("a", b"x" * 10)
    assert cache.get("a") is None
    cache.keep("a", b"x")
    assert cache.get("a") == b"x"


def test_after_any_use_it_holds_the_longest_run_of_recent_keys_that_fits() -> None:
    chance, cache, recent = random.Random(3), kept(60), OrderedDict[str, bytes]()
    for _ in range(2_000):
        key = chance.choice("abcdefgh")
        if chance.random() < 0.5:
            assert cache.get(key) == recent.get(key)
            if key in recent:
                recent.move_to_end(key)
        else:
            recent[key] = b"x" * chance.randrange(25)
            recent.move_to_end(key)
            cache.keep(key, recent[key])
            while sum(1 + len(value) for value in recent.values()) > 60:
                recent.popitem(last=False)
