"""What is given as SOURCE is told apart by its form; what may be a secret is refused and never repeated."""

from pathlib import Path

import pytest

from search_app.errors import IngestError
from search_app.sources.locations import is_folder, locate, matches, names_of


@pytest.mark.parametrize(
    ("given", "kind", "root", "pattern"),
    [
        ("s3://bucket", "tree", "s3://bucket", ""),
        ("s3://bucket/a/b/", "tree", "s3://bucket/a/b", ""),
        ("gs://bucket/pictures", "tree", "gs://bucket/pictures", ""),
        ("https://host:8443/a%20b/", "tree", "https://host:8443/a%20b", ""),
        ("s3://bucket/x/{000..009}.tar", "shards", "s3://bucket/x", "{000..009}.tar"),
        ("https://host/all.PARQUET", "list", "https://host", "all.PARQUET"),
        ("memory://b/list-*.csv", "list", "memory://b", "list-*.csv"),
    ],
    ids=["bucket", "prefix", "gs", "web", "shards", "list", "pattern"],
)
def test_addresses_say_what_they_are(given: str, kind: str, root: str, pattern: str) -> None:
    found = locate(given)
    assert (found.kind, found.root, found.pattern) == (kind, root, pattern)
    assert locate(found.text) == found


def test_paths_of_this_machine_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "really.tar").mkdir()
    assert locate(str(tmp_path / "really.tar")).kind == "folder"
    assert locate(str(tmp_path / "0.tar")).kind == "shards"
    assert locate(str(tmp_path / "a.jsonl")).text == str(tmp_path / "a.jsonl")
    assert is_folder(str(tmp_path))
    assert not is_folder(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("s3://AKIA:s3cret@bucket/x", "password"),
        ("https://user:s3cret@host/x", "password"),
        ("https://host/x?sig=s3cret", "may be a key"),
        ("ftp://host/x", "is no source"),
        ("file:///etc", "is no source"),
        ("simplecache::s3://bucket", "is no source"),
        ("s3://", "needs a bucket"),
        ("http://:80/x", "needs a host"),
        ("http://[::1/x", "needs a host"),
        ("s3://bucket/../other", "give the prefix itself"),
        ("pictures.zip", "unpack it"),
        ("s3://bucket/shard.tar.gz", "unpack it"),
    ],
)
def test_what_is_no_source_is_refused_in_words(given: str, told: str) -> None:
    with pytest.raises(IngestError, match=told) as caught:
        locate(given)
    assert "s3cret" not in str(caught.value)


def test_patterns_stand_for_names_in_their_order() -> None:
    assert names_of("s-{08..11}.tar") == ["s-08.tar", "s-09.tar", "s-10.tar", "s-11.tar"]
    assert names_of("{a,b}-{0..1}.csv") == ["a-0.csv", "a-1.csv", "b-0.csv", "b-1.csv"]
    assert names_of("*.tar") is None
    assert matches("s-*.tar", "s-1.tar")
    assert not matches("*.tar", ".s.tar")
    with pytest.raises(IngestError, match="give fewer"):
        names_of("{0..99999999}{0..99999999}.tar")
