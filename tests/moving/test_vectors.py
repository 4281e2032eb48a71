"""Vectors out to files that any program reads, and in from those that others made."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from search_app.datatypes import FloatMatrix
from search_app.encoders.stub import StubEncoder
from search_app.errors import MovingError
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.moving.exporting import export
from search_app.moving.importing import Imported, ImportOptions, import_rows, own_export
from search_app.moving.layouts import LAYOUTS, Columns, Layout, layout_of
from search_app.moving.move import move
from tests.moving.places import fill, forms, held, make_place, point, quiet

POINTS = [point(number) for number in range(1, 61)]
ENCODER = StubEncoder()
DIM = ENCODER.spec.dim


def exported(folder: Path, layout: Layout) -> MemoryStore:
    store = MemoryStore("images")
    fill(store, POINTS, next_id=100)
    with store.reader().pinned() as pinned:
        assert export(pinned, folder, layout, quiet("")) == len(POINTS)
    return store


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Five pictures of one colour each."""
    folder = tmp_path / "pictures"
    (folder / "sub").mkdir(parents=True)
    for name, colour in zip("abcde", ("red", "green", "blue", "yellow", "white"), strict=True):
        Image.new("RGB", (40, 30), colour).save(folder / ("sub" if name > "c" else "") / f"{name}.png")
    return folder


def vectors_of(folder: Path) -> tuple[list[str], FloatMatrix]:
    """What the stub makes of them."""
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    prepared = [ENCODER.prepare(Image.open(folder / path).convert("RGB")) for path in paths]
    return paths, ENCODER.encode_images(np.stack(prepared))


def imported(
    place: Path, folder: Path, store: MemoryStore | None = None, **options: Any
) -> tuple[MemoryStore, Imported]:
    store = store or MemoryStore("images")
    given = {"columns": Columns(), "max_pixels": 10**6, **options}
    return store, import_rows(place, ENCODER, store, ImportOptions(folder, **given), quiet)


def npy(folder: Path, rows: FloatMatrix, lines: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    np.save(folder / "vectors.npy", rows)
    (folder / "points.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_parquet_has_everything(tmp_path: Path) -> None:
    store = exported(tmp_path / "out", "parquet")
    assert layout_of(tmp_path / "out") == "parquet"
    ours = own_export(tmp_path / "out", "parquet")
    assert ours is not None
    target = MemoryStore("back")
    move(ours, target, quiet)
    assert forms(held(target)[1]) == forms(held(store)[1])
    assert held(target)[0].next_id == 100
    table = pq.read_table(tmp_path / "out")
    assert table.column_names[:3] == ["id", "path", "path_base64"]
    np.testing.assert_array_equal(np.stack(table["vector"].to_numpy()), np.stack([one.vector for one in POINTS]))


def test_numpy_and_json_lines_are_read_by_anything(tmp_path: Path) -> None:
    exported(tmp_path / "out", "npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "vectors.npy"), np.stack([one.vector for one in POINTS]))
    lines = [json.loads(line) for line in (tmp_path / "out" / "points.jsonl").read_text().splitlines()]
    assert [(line["id"], line["path"]) for line in lines] == [(one.id, one.picture.path) for one in POINTS]
    assert lines[0]["words"] == ["reader", ["Wört 1", 1.0], ["x", 0.93, 0.1, 0.2, 0.3, 0.4]]


def test_the_layout_of_clip_retrieval(tmp_path: Path) -> None:
    exported(tmp_path / "out", "clip-retrieval")
    rows = np.load(tmp_path / "out" / "img_emb" / "img_emb_0.npy")
    table = pq.read_table(tmp_path / "out" / "metadata" / "metadata_0.parquet")
    np.testing.assert_array_equal(rows, np.stack([one.vector for one in POINTS]))
    assert table["image_path"].to_pylist() == [f"/pictures/{one.picture.path}" for one in POINTS]
    assert table["printed_words"][0].as_py() == "Wört 1\nx"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_went_out_comes_in(layout: Layout, tmp_path: Path, pictures: Path) -> None:
    made = MemoryStore("images")
    run_ingest(pictures, ENCODER, made, IngestOptions(10**6, 1), lambda *_: None)
    was = held(made)[1]
    with made.reader().pinned() as pinned:
        export(pinned, tmp_path / "out", layout, quiet(""))
    (tmp_path / "out" / "_manifest.json").unlink()
    (tmp_path / "link").symlink_to(pictures)  # the paths of clip-retrieval are absolute, links resolved
    store, done = imported(tmp_path / "out", tmp_path / "link")
    now = held(store)[1]
    assert (done.taken.good, done.taken.seen, len(done.cosines)) == (5, 5, 5)
    assert min(done.cosines) > 0.999
    assert [replace(one.picture, meta={}) for one in now] == [one.picture for one in was]
    assert [one.vector.tobytes() for one in now] == [one.vector.tobytes() for one in was]
    again = run_ingest(pictures, ENCODER, store, IngestOptions(10**6, 1), lambda *_: None)
    assert (again.indexed, again.unchanged) == (0, 5)


def test_vectors_of_clip_retrieval_are_read_in_the_order_of_their_parts(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    place = tmp_path / "theirs"
    (place / "img_emb").mkdir(parents=True)
    (place / "metadata").mkdir()
    for number, path in enumerate(paths):
        part = 9 if number == 0 else 10 + number
        np.save(place / "img_emb" / f"img_emb_{part}.npy", rows[number : number + 1].astype(np.float16))
        columns = {"image_path": [str(pictures / path)], "caption": [f"one {number}"], "NSFW": ["no"], "x y": [1.5]}
        pq.write_table(pa.table(columns), place / "metadata" / f"metadata_{part}.parquet")
    store, done = imported(place, pictures)
    found = held(store)[1]
    assert [one.picture.path for one in found] == paths
    assert found[1].picture.meta == {"caption": "one 1", "NSFW": "no", "x_y": 1.5}
    np.testing.assert_allclose([np.linalg.norm(one.vector) for one in found], 1, atol=1e-6)
    assert (done.manifest.next_id, done.manifest.folder) == (6, str(pictures))


def test_a_parquet_of_others_by_the_names_of_its_columns(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    file = tmp_path / "theirs.parquet"
    pq.write_table(pa.table({"where": paths, "v": [row.tolist() for row in rows], "n": [*range(5)]}), file)
    with pytest.raises(MovingError, match="name one of where, v, n"):
        imported(file, pictures)
    store, _ = imported(file, pictures, columns=Columns("v", "where"))
    assert [one.picture.meta["n"] for one in held(store)[1]] == [*range(5)]


def bad_rows(pictures: Path) -> tuple[FloatMatrix, list[dict[str, Any]]]:
    paths, rows = vectors_of(pictures)
    nan, long = rows[0] * np.float32("nan"), rows[0] * 3
    return np.stack([*rows, nan, rows[0] * 0, long, rows[0], rows[0], rows[0], rows[0]]), [
        *({"path": path} for path in paths),
        *({"path": f"bad-{number}"} for number in range(3)),
        {"path": paths[0]},
        {"path": "../out.png"},
        {"path": "/etc/passwd"},
        {"file_size": 3},
    ]


def test_bad_rows_are_left_out_and_counted(tmp_path: Path, pictures: Path) -> None:
    store, done = imported(npy(tmp_path / "in", *bad_rows(pictures)), pictures)
    assert held(store)[0].count == 5
    assert dict(done.taken.bad) == {
        "its vector is not finite, or has no length": 2,
        "its vector has not length 1": 1,
        "a row before has the same path": 1,
        "its path lies outside of the folder": 2,
        "it has no path (path, image_path, filename, file_name, file)": 1,
    }
    assert done.taken.first_bad["its vector has not length 1"] == "row 8"


def test_vectors_of_other_lengths_are_taken_where_that_was_asked_for(tmp_path: Path, pictures: Path) -> None:
    store, done = imported(npy(tmp_path / "in", *bad_rows(pictures)), pictures, normalise=True)
    assert held(store)[0].count == 6
    assert done.taken.bad["its vector has not length 1"] == 0


def test_pictures_that_cannot_be_read_are_bad_rows(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    (pictures / paths[2]).write_bytes(b"no picture")
    store, done = imported(npy(tmp_path / "in", rows, [{"path": path} for path in paths]), pictures)
    assert held(store)[0].count == 4
    assert [why.partition(":")[0] for why in done.taken.bad] == ["its file cannot be used"]


def test_vectors_of_another_model_are_found_out_and_not_shown(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    store = MemoryStore("images")
    with pytest.raises(MovingError, match=r"is not what stub makes of the picture \(cosine"):
        imported(npy(tmp_path / "in", rows[::-1], [{"path": path} for path in paths]), pictures, store)
    assert store.committed is None


def test_without_the_files_nothing_is_checked_and_that_is_known(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    place = npy(tmp_path / "in", rows, [{"path": path, "width": 7, "height": 5, "taken": "soon"} for path in paths])
    store, done = imported(place, tmp_path / "elsewhere")
    assert (done.cosines, done.taken.seen) == ([], 0)
    first = held(store)[1][0].picture
    assert (first.width, first.height, first.taken) == (7, 5, "")
    assert len({one.picture.content_hash for one in held(store)[1]}) == 5


def test_a_model_of_another_dimension_is_told(tmp_path: Path, pictures: Path) -> None:
    place = npy(tmp_path / "in", np.eye(3, 5, dtype=np.float32), [{"path": str(number)} for number in range(3)])
    with pytest.raises(MovingError, match=f"3 rows: its vector has 5 numbers, the model makes {DIM}"):
        imported(place, pictures)


def test_ids_that_come_along_are_kept_and_must_rise(tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    lines = [{"path": path, "id": number} for path, number in zip(paths, (3, 7, 7, 9, 20), strict=True)]
    store, done = imported(npy(tmp_path / "in", rows, lines), pictures)
    assert [one.id for one in held(store)[1]] == [3, 7, 9, 20]
    assert (done.manifest.next_id, dict(done.taken.bad)) == (21, {"its id is not above the one before": 1})


def test_an_import_that_was_ended_goes_on(tmp_path: Path) -> None:
    rows = np.tile(ENCODER.encode_texts(["red", "green", "blue"]), (400, 1))
    place = npy(tmp_path / "in", rows, [{"path": f"{number}.png"} for number in range(len(rows))])
    store = make_place("edge", tmp_path, "images")

    def ends(_step: str) -> Any:
        def progress(done: int, _total: int) -> None:
            if done >= 1000:
                raise KeyboardInterrupt

        return progress

    options = ImportOptions(tmp_path / "none", 10**6, Columns())
    with pytest.raises(KeyboardInterrupt):
        import_rows(place, StubEncoder(), store, options, ends)
    with store.writer(ENCODER.spec, str(options.folder)) as writer:
        assert writer.manifest().next_id == 1001
    import_rows(place, StubEncoder(), store, options, quiet)
    assert held(store)[0].count == 1200


@pytest.mark.parametrize("break_it", ["pickle", "text", "short", "no json", "other list"])
def test_files_that_are_no_vectors_are_told(break_it: str, tmp_path: Path, pictures: Path) -> None:
    paths, rows = vectors_of(pictures)
    place = npy(tmp_path / "in", rows, [{"path": path} for path in paths])
    match break_it:
        case "pickle":
            np.save(place / "vectors.npy", np.array([{"a": 1}] * 5, object), allow_pickle=True)
        case "text":
            (place / "vectors.npy").write_text("1 2 3")
        case "short":
            np.save(place / "vectors.npy", np.concatenate([rows, rows]))
        case "no json":
            (place / "points.jsonl").write_text("{\n")
        case _:
            (place / "points.jsonl").write_text("[1]\n" * 5)
    store = MemoryStore("images")
    with pytest.raises(MovingError):
        imported(place, pictures, store)
    assert store.committed is None


def test_a_folder_that_is_not_empty_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(MovingError, match="is not empty"):
        exported(tmp_path, "parquet")


def test_an_empty_folder_has_no_layout(tmp_path: Path) -> None:
    with pytest.raises(MovingError, match="holds no vectors"):
        layout_of(tmp_path)
