"""Metadata files: what is read, what is refused, and what an index run makes of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from search_app.cli.program import main
from search_app.datatypes import Condition, MetaValue, Picture, VectorQuery
from search_app.encoders.stub import StubEncoder
from search_app.errors import IngestError
from search_app.index.base import IndexStore
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.store import MemoryStore
from search_app.ingest.metadata import Metadata, read_metadata
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.report import IngestReport

PATHS = ["a.png", "b/c.png", "b/d.png", "e/d.png"]


def read(tmp_path: Path, content: str | bytes) -> Metadata:
    file = tmp_path / "about"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_metadata(file, PATHS)


def said(tmp_path: Path, content: str | bytes) -> Mapping[str, Mapping[str, MetaValue]]:
    return read(tmp_path, content).values


def test_a_column_is_of_the_kind_that_all_its_cells_are(tmp_path: Path) -> None:
    table = (
        "path,price,code,sold,tags,when,note\n"
        'a.png,5,007,true,"[""x"", ""y""]",2024-05-31,\n'
        "./b/c.png,2.5,12,FALSE,[],2024-06,5\n"
        'b/d.png,,,,,,"one; two, three\nfour"\n'
    )
    assert said(tmp_path, table) == {
        "a.png": {"price": 5, "code": "007", "sold": True, "tags": ("x", "y"), "when": "2024-05-31"},
        "b/c.png": {"price": 2.5, "code": "12", "sold": False, "when": "2024-06", "note": "5"},
        "b/d.png": {"note": "one; two, three\nfour"},
    }


def test_a_line_about_another_picture_decides_the_kind_too(tmp_path: Path) -> None:
    assert said(tmp_path, "path,price\na.png,5\nelsewhere.png,dear\n") == {"a.png": {"price": "5"}}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_other_programs_are_read(tmp_path: Path, mark: str, end: str) -> None:
    table = end.join(mark.join(row) for row in (("name", "file"), ("Café", "c.png"), ("Bar", "a.png"))) + end
    for bom in (b"", b"\xef\xbb\xbf"):
        assert said(tmp_path, bom + table.encode()) == {"b/c.png": {"name": "Café"}, "a.png": {"name": "Bar"}}


def test_json_lines_keep_their_kinds(tmp_path: Path) -> None:
    lines = [
        {
            "path": "a.png",
            "n": 5,
            "f": 5.0,
            "yes": True,
            "text": "5",
            "tags": ["x", 1, True, ""],
            "none": None,
            "e": "",
        },
        {"filename": "c.png", "tags": []},
        {"path": "b/d.png", "n": -1, "file": "kept"},
    ]
    found = said(tmp_path, "\n\n".join(map(json.dumps, lines)))
    assert found == {
        "a.png": {"n": 5, "f": 5.0, "yes": True, "text": "5", "tags": ("x", "1", "true")},
        "b/d.png": {"n": -1, "file": "kept"},
    }
    assert type(found["a.png"]["f"]) is float


def test_unknown_pictures_and_names_that_several_have_are_counted_and_listed(tmp_path: Path) -> None:
    found = read(tmp_path, "file,x\nd.png,1\nb/d.png,2\nno.png,3\n")
    assert found.values == {"b/d.png": {"x": 2}}
    assert (found.unknown_count, found.unknown) == (2, ("d.png", "no.png"))
    assert read(tmp_path, "path,x\nc.png,1\n").unknown == ("c.png",)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, "no column"),
        ("name,x\na.png,1\n", 1, "path"),
        ("path,x,x\na.png,1,2\n", 1, "twice"),
        ("path,a b\na.png,1\n", 1, "'a b'"),
        ("path,\na.png,1\n", 1, "''"),
        (f"path,{'x' * 65}\na.png,1\n", 1, "letters"),
        ("path,x\na.png,1,2\n", 2, "3 cells"),
        ("path,x\n\na.png\n", 3, "1 cells"),
        ("path,x\na.png,1\na.png,2\n", 3, "first in line 2"),
        ("file,x\nc.png,1\nb/c.png,2\n", 3, "second time"),
        ('path,x\na.png,"1\n', 2, "CSV"),
        ('path,x\na.png,"1"2\n', 2, "CSV"),
        (b"path,x\na.png,\xe9\n", 2, "UTF-8"),
        ("path,x\n".encode("utf-16"), 1, "UTF-8"),
        (f"path,x\na.png,{'x' * 5000}\n", 2, "4096"),
        ("path,x\n" + "y" * (2**20 + 1), 2, "MiB"),
        ("path," + ",".join(f"f{n}" for n in range(65)) + "\na.png" + ",1" * 65, 2, "64 fields"),
        ('[{"path": "a.png"}]', 1, "one object a line"),
        ('{"path": "a.png"}\n{"path": ', 2, "JSON"),
        ('{"path": "a.png"}\n[1]', 2, "object"),
        ('{"x": 1}', 1, "names the picture"),
        ('{"path": 5}', 1, "names the picture"),
        ('{"path": "a.png", "x": {"y": 1}}', 1, "'x'"),
        ('{"path": "a.png", "x": [[1]]}', 1, "'x'"),
        ('{"path": "a.png", "x": NaN}', 1, "NaN"),
        ('{"path": "a.png", "x": 1e999}', 1, "too large"),
        ('{"path": "a.png", "x": 9007199254740993}', 1, "too large"),
        ('{"path": "a.png", "x": "\\ud800"}', 1, "Unicode"),
        ('{"path": "a.png", "x.y": 1}', 1, "'x.y'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, content: str | bytes, line: int, reason: str) -> None:
    with pytest.raises(IngestError, match="Nothing was changed") as refused:
        read(tmp_path, content)
    assert f"about, line {line}: " in str(refused.value)
    assert reason in str(refused.value)


def test_a_file_that_is_not_there_is_an_ingest_error(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"missing\.csv cannot be read"):
        read_metadata(tmp_path / "missing.csv", PATHS)


# --- index runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    for path, colour in {"a.png": "red", "b.png": "blue", "sub/c.jpg": "green"}.items():
        Image.new("RGB", (40, 30), colour).save(pictures / path)
    return pictures


@pytest.fixture(params=["memory", "edge"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> IndexStore:
    return MemoryStore("test") if request.param == "memory" else EdgeStore(tmp_path / "index", "test", graph_from=2)


def ingest(folder: Path, store: IndexStore, metadata: Path | None = None, *, rebuild: bool = False) -> IngestReport:
    options = IngestOptions(max_pixels=1_000_000, workers=2, rebuild=rebuild, metadata=metadata)
    return run_ingest(folder, StubEncoder(), store, options, lambda *_: None)


def stored(store: IndexStore) -> dict[str, Picture]:
    reader = store.reader()
    try:
        return {item.picture.path: item.picture for item in reader.scan()}
    finally:
        reader.close()


def meta(store: IndexStore) -> dict[str, dict[str, MetaValue]]:
    return {path: dict(picture.meta) for path, picture in stored(store).items()}


def generation(store: IndexStore) -> int:
    reader = store.reader()
    try:
        return reader.manifest().generation
    finally:
        reader.close()


def test_metadata_stays_until_another_file_replaces_it_and_follows_a_renamed_picture(
    folder: Path, store: IndexStore, tmp_path: Path
) -> None:
    file = tmp_path / "about.csv"
    file.write_text("path,price,shop\na.png,5,north\nsub/c.jpg,7,south\ngone.png,1,east\n")
    report = ingest(folder, store, file)
    assert report.metadata is not None
    assert (report.metadata.pictures, report.metadata.fields) == (2, ("price", "shop"))
    assert (report.metadata.unknown, report.metadata.first_unknown) == (1, ("gone.png",))
    expected = {"a.png": {"price": 5, "shop": "north"}, "b.png": {}, "sub/c.jpg": {"price": 7, "shop": "south"}}
    assert meta(store) == expected
    reader = store.reader()
    assert reader.facet("meta.shop") == [("north", 1), ("south", 1)]
    question = StubEncoder().encode_texts(["green"])[0]
    [found] = reader.search([VectorQuery(question, 5, where=(Condition("meta.price", gte=6),))])
    assert found.ids.tolist() == [3]
    reader.close()

    before = generation(store)
    assert ingest(folder, store).metadata is None
    assert ingest(folder, store, file).unchanged == 3
    assert (meta(store), generation(store)) == (expected, before)

    (folder / "a.png").rename(folder / "z.png")
    Image.new("RGB", (50, 50), "white").save(folder / "sub/c.jpg")
    ingest(folder, store)
    assert meta(store) == {"z.png": expected["a.png"], "b.png": {}, "sub/c.jpg": expected["sub/c.jpg"]}
    ingest(folder, store, rebuild=True)
    assert meta(store) == {"z.png": expected["a.png"], "b.png": {}, "sub/c.jpg": expected["sub/c.jpg"]}

    file.write_text('{"path": "b.png", "price": true}')
    report = ingest(folder, store, file)
    assert (report.indexed, report.unchanged, report.renamed) == (0, 3, 0)
    assert meta(store) == {"z.png": {}, "b.png": {"price": True}, "sub/c.jpg": {}}


def test_a_bad_file_changes_nothing(folder: Path, store: IndexStore, tmp_path: Path) -> None:
    ingest(folder, store)
    before = generation(store)
    (folder / "a.png").unlink()
    file = tmp_path / "about.csv"
    file.write_text("path,price\nb.png,5,6\n")
    with pytest.raises(IngestError, match="line 2"):
        ingest(folder, store, file)
    assert (generation(store), len(stored(store))) == (before, 3)


def test_pictures_are_described_when_they_are_embedded(folder: Path, store: IndexStore) -> None:
    assert ingest(folder, store).described == 0
    assert {path: one.colours for path, one in stored(store).items()} == {
        "a.png": ("red",),
        "b.png": ("blue",),
        "sub/c.jpg": ("green",),
    }


def test_pictures_of_an_older_index_are_looked_at_once_and_not_embedded(folder: Path, store: IndexStore) -> None:
    ingest(folder, store)
    right = stored(store)
    with store.writer(StubEncoder().spec, str(folder)) as writer:
        plain = [
            replace(item, picture=replace(item.picture, phash="", colours=(), taken="", copy_of=0))
            for item in writer.scan()
        ]
        writer.update_pictures(plain)
        writer.commit()
    (folder / "b.png").rename(folder / "c.png")
    report = ingest(folder, store)
    assert (report.indexed, report.unchanged, report.renamed, report.described) == (0, 2, 1, 3)
    assert {path: one.phash for path, one in stored(store).items()} == {
        path.replace("b.png", "c.png"): one.phash for path, one in right.items()
    }
    before = generation(store)
    assert ingest(folder, store).described == 0
    assert generation(store) == before


def test_an_old_picture_that_cannot_be_read_any_more_stays_as_it_is(folder: Path) -> None:
    store = MemoryStore("test")
    ingest(folder, store)
    with store.writer(StubEncoder().spec, str(folder)) as writer:
        writer.update_pictures([replace(item, picture=replace(item.picture, phash="")) for item in writer.scan()])
        writer.commit()
    status = (folder / "a.png").stat()
    (folder / "a.png").write_bytes(b"x" * status.st_size)
    os.utime(folder / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    report = ingest(folder, store)
    assert (report.described, report.total) == (2, 3)
    assert stored(store)["a.png"].phash == ""


# --- the command


def test_the_command_reports_what_the_file_was_good_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"MODEL": "stub", "INDEX_DIR": str(tmp_path / "storage"), "WORDS": "off"}.items():
        monkeypatch.setenv(f"SEARCH_{name}", value)
    file, report = tmp_path / "about.csv", tmp_path / "report.json"
    file.write_text("path,price\na.png,5\n" + "".join(f"gone/{number}.png,1\n" for number in range(25)))
    assert main(["index", str(folder), "--metadata", str(file), "--json", str(report)]) == 0
    shown = capsys.readouterr().out
    assert "metadata: 1 pictures have fields (price); 25 lines are about no picture of the folder" in shown
    assert "no picture gone/19.png" in shown
    assert "5 more" in shown
    told = json.loads(report.read_text())
    assert told["metadata"] == {
        "pictures": 1,
        "fields": ["price"],
        "unknown": 25,
        "first_unknown": [f"gone/{number}.png" for number in range(25)],
    }
    file.write_text("path,price\na.png\n")
    assert main(["index", str(folder), "--metadata", str(file)]) == 2
    assert f"error: {file}, line 2: 1 cells" in capsys.readouterr().err
