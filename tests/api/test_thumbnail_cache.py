"""Thumbnails in memory: kept while they are used, never more than the limit."""

from pathlib import Path

from search_app.api.thumbnail_cache import ThumbnailCache

A, B, C = Path("a.jpg"), Path("b.jpg"), Path("c.jpg")


def test_a_thumbnail_is_made_once_while_it_is_kept() -> None:
    cache = ThumbnailCache(max_bytes=100)
    assert cache.get((A, "64"), lambda: b"first") == b"first"
    assert cache.get((A, "64"), lambda: b"second") == b"first"
    assert cache.get((A, "128"), lambda: b"third") == b"third"


def test_the_least_recently_used_go_first_when_bytes_run_out() -> None:
    cache = ThumbnailCache(max_bytes=25)
    for path in (A, B):
        cache.get((path, "1"), lambda: b"x" * 10)
    cache.get((A, "1"), lambda: b"made again")
    cache.get((C, "1"), lambda: b"x" * 10)
    assert cache.get((A, "1"), lambda: b"made again") == b"x" * 10
    assert cache.get((B, "1"), lambda: b"made again") == b"made again"


def test_what_is_larger_than_the_limit_is_given_but_not_kept() -> None:
    cache = ThumbnailCache(max_bytes=5)
    assert cache.get((A, "1"), lambda: b"x" * 10) == b"x" * 10
    assert cache.get((A, "1"), lambda: b"again") == b"again"
