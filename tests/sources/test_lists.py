"""Lists name pictures by path or address; a stranger's list reaches nothing that it should not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from search_app.datatypes import UNKNOWN_SIZE, ImageRef
from search_app.errors import IngestError, Unreachable
from search_app.sources.base import Limits
from search_app.sources.opening import open_source

QUICK = Limits(seconds=10, tries=1)


def csv(rows: list[dict[str, object]], path: Path) -> Path:
    names = [*rows[0]]
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    (path / "list.csv").write_text("\n".join(lines), "utf-8")
    return path / "list.csv"


def jsonl(rows: list[dict[str, object]], path: Path) -> Path:
    (path / "list.jsonl").write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path / "list.jsonl"


def parquet(rows: list[dict[str, object]], path: Path) -> Path:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path / "list.parquet", row_group_size=1)
    return path / "list.parquet"


@pytest.mark.parametrize("write", [csv, jsonl, parquet], ids=["csv", "jsonl", "parquet"])
def test_a_list_names_pictures_and_says_things_about_them(
    write: Callable[[list[dict[str, object]], Path], Path], folder: Path
) -> None:
    rows: list[dict[str, object]] = [
        {"path": "sub/c.jpg", "price": 3, "shop": "x"},
        {"path": "./a.png", "price": 4.5, "shop": ""},
        {"path": str(folder / "b.png"), "price": 5, "shop": "y"},
        {"path": "sub/c.jpg", "price": 9, "shop": "twice"},
        {"path": "gone.png", "price": 9, "shop": "z"},
        {"path": "../secret.png", "price": 9, "shop": "z"},
        {"path": "/etc/passwd", "price": 9, "shop": "z"},
    ]
    source = open_source(str(write(rows, folder)))
    scan = source.scan()
    assert [ref.path for ref in scan.found] == ["a.png", "b.png", "sub/c.jpg"]
    assert scan.meta == {
        "a.png": {"price": 4.5},
        "b.png": {"price": 5, "shop": "y"},
        "sub/c.jpg": {"price": 3, "shop": "x"},
    }
    assert [item.path for item in scan.skipped] == ["../secret.png", "/etc/passwd", "gone.png", "sub/c.jpg"]
    assert all("line" in item.reason for item in scan.skipped)
    assert [source.read(ref) for ref in scan.found] == [(folder / ref.path).read_bytes() for ref in scan.found]
    status = (folder / "a.png").stat()
    assert scan.found[0] == ImageRef("a.png", status.st_size, status.st_mtime_ns)


def test_parquet_gives_dates_and_lists_and_leaves_out_what_is_not_there(folder: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "url": "a.png",
            "at": datetime(2024, 5, 1, tzinfo=UTC),
            "tags": ["x", "y"],
            "score": float("nan"),
            "none": None,
        }
    ]
    scan = open_source(str(parquet(rows, folder))).scan()
    assert scan.meta == {"a.png": {"at": "2024-05-01T00:00:00+00:00", "tags": ("x", "y")}}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("l.csv", b"picture,price\na.png,1\n", "no column path, url"),
        ("l.csv", b"path\n\xff\xfe.png\n", "line 2: not UTF-8"),
        ("l.csv", b"path,x\na.png\n", "line 2: 1 cells where the header has 2"),
        ("l.jsonl", b'{"path": "a.png"}\n{"path": 3}\n', "line 2: no text in a field"),
        ("l.jsonl", b'{"path": "a.png", "deep": {"x": 1}}\n', "is an object"),
        ("l.parquet", b"PAR1 is not enough PAR1", "no Parquet that can be read"),
        ("l.csv", b"path\n" + b"x" * (2**20 + 10), "longer than 1 MiB"),
    ],
    ids=["no-column", "not-utf8", "cells", "no-name", "object", "no-parquet", "long-line"],
)
def test_a_list_that_cannot_be_read_is_told_with_its_line(name: str, content: bytes, told: str, folder: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (folder / name).write_bytes(content)
    with pytest.raises(IngestError, match=told):
        open_source(str(folder / name)).scan()


def test_addresses_with_secrets_or_of_other_kinds_are_refused_and_not_repeated(folder: Path) -> None:
    addresses = [
        "https://user:s3cret@host/a.jpg",
        "https://bucket.example/a.jpg?X-Amz-Signature=s3cret",
        "file:///etc/passwd",
        "https://host",
        "s3://bucket/../x.png",
        "https://host/a b.jpg",
        "https://ok.example/a.jpg?size=3",
    ]
    (folder / "l.csv").write_text("\n".join(["url", *addresses]))
    scan = open_source(str(folder / "l.csv")).scan()
    assert scan.found == [ImageRef("https://ok.example/a.jpg?size=3", UNKNOWN_SIZE, 0, "-")]
    assert len(scan.skipped) == 6
    assert "s3cret" not in str(scan.skipped)


def test_a_list_reaches_its_own_server_and_public_ones_only(folder: Path, web: str) -> None:
    (folder / "l.csv").write_text(f"url\n{web}/a.png\n")
    with pytest.raises(Unreachable, match="ports 80 and 443 only"):
        (source := open_source(str(folder / "l.csv"), QUICK)).read(source.scan().found[0])
    with pytest.raises(Unreachable, match="cannot be had from there"):
        source.read(ImageRef("http://127.0.0.1/a.png", UNKNOWN_SIZE, 0, "-"))
    own = open_source(f"{web}/l.csv", QUICK)
    [ref] = own.scan().found
    assert own.read(ref) == (folder / "a.png").read_bytes()
    with pytest.raises(Unreachable, match="cannot be had from there"):
        own.read(ImageRef("http://127.0.0.1/a.png", UNKNOWN_SIZE, 0, "-"))


def test_relative_paths_lead_below_the_list_wherever_it_is(folder: Path, web: str) -> None:
    (folder / "l.jsonl").write_text('{"file": "sub/c.jpg"}\n{"file": "../c.jpg"}\n')
    source = open_source(f"{web}/l.jsonl")
    scan = source.scan()
    assert [ref.path for ref in scan.found] == ["sub/c.jpg"]
    assert [item.path for item in scan.skipped] == ["../c.jpg"]
    assert source.read(scan.found[0]) == (folder / "sub" / "c.jpg").read_bytes()


def test_several_lists_are_one_source(folder: Path) -> None:
    for number, name in enumerate(["a.png", "b.png"]):
        (folder / f"part-{number}.csv").write_text(f"path\n{name}\n")
    assert [ref.path for ref in open_source(str(folder / "part-*.csv")).scan().found] == ["a.png", "b.png"]
    with pytest.raises(IngestError, match="there is no such list"):
        open_source(str(folder / "nothing-*.csv")).scan()


def test_a_list_may_name_objects_of_a_store(folder: Path, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
    fsspec.filesystem("memory").pipe(f"/{tmp_path.name}/x/a.png", b"12345")
    (folder / "l.csv").write_text(f"url\nmemory://{tmp_path.name}/x/a.png\n")
    source = open_source(str(folder / "l.csv"))
    assert source.read(source.scan().found[0]) == b"12345"
