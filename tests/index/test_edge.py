"""What the embedded index must do beyond the contract: owners that die, files that are damaged, many readers."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from search_app.datatypes import FloatVector, Known, Manifest, Picture, Point
from search_app.errors import DiskFull, IndexDamaged, IndexUnavailable, VectorIndexError
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from tests.index.points import FOLDER, OTHER, SPEC, eventually, ids_of, picture, points, query, unit


@pytest.fixture
def store(tmp_path: Path) -> EdgeStore:
    """An empty collection; graphs are built from 200 points on, so that tests meet them."""
    return EdgeStore(tmp_path / "storage", "images", graph_from=200)


def fill(store: EdgeStore, ids: range = range(1, 31), *, final: bool = True) -> Manifest:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(ids))
        return writer.commit(final=final)


def place(store: EdgeStore) -> Path:
    return store.index_dir / store.collection


def names(store: EdgeStore) -> set[str]:
    return {entry.name for entry in place(store).iterdir()}


def owner_of(reader: EdgeReader) -> int:
    serving = reader._follower.serving
    assert serving is not None
    return serving.shard.process.pid


def answers(reader: EdgeReader, number: int) -> bool:
    try:
        return ids_of(reader.search([query(number, 1)])[0]) == [number]
    except IndexUnavailable:
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGBUS])
def test_an_owner_that_died_is_started_again(store: EdgeStore, how: signal.Signals) -> None:
    fill(store)
    reader = store.reader()
    for _ in range(2):
        before = owner_of(reader)
        os.kill(before, how)
        eventually(lambda: answers(reader, 7))
        assert owner_of(reader) != before
    reader.close()


def test_a_call_under_way_is_refused_when_its_owner_dies(store: EdgeStore) -> None:
    fill(store)
    reader = store.reader()
    owner = owner_of(reader)
    os.kill(owner, signal.SIGSTOP)
    refused: list[Exception] = []

    def ask() -> None:
        try:
            reader.search([query(1)])
        except VectorIndexError as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.1)
    os.kill(owner, signal.SIGKILL)
    asking.join()
    assert [type(error) for error in refused] == [IndexUnavailable]
    assert "SIGKILL" in str(refused[0])
    eventually(lambda: answers(reader, 1))
    reader.close()


def test_a_writer_goes_on_after_its_owner_died(store: EdgeStore) -> None:
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 11)))
        assert writer._work._shard is not None
        process = writer._work._shard.process
        os.kill(process.pid, signal.SIGKILL)
        eventually(lambda: not process.alive)
        writer.upsert(points(range(11, 21)))
        assert writer.commit().count == 20


def test_an_owner_ends_with_its_parent_even_inside_a_long_call(store: EdgeStore) -> None:
    """The parent is a real process that is killed while its owner does not read its socket."""
    script = (
        "import sys, time\n"
        "from search_app.index.edge.process import EdgeProcess\n"
        "from search_app.index.graph import Shape\n"
        "process = EdgeProcess()\n"
        "process.call('create', sys.argv[1], 8, Shape(graph_from=200), timeout=30)\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(store.index_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as parent:
        assert parent.stdout is not None
        owner = int(parent.stdout.readline())
        parent.kill()
    eventually(lambda: not alive(owner))


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:  # a zombie that nobody waits for has ended as well
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return Path("/proc").is_dir() is False


def test_an_engine_that_cannot_start_says_why(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fill(store)
    (tmp_path / "qdrant_edge.py").write_text("raise ModuleNotFoundError(\"No module named 'qdrant_edge'\")\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    reader = store.reader()
    with pytest.raises(IndexUnavailable, match=r"exit code 1: ModuleNotFoundError: No module named 'qdrant_edge'"):
        reader.count()
    monkeypatch.undo()
    eventually(lambda: answers(reader, 1))
    reader.close()


def test_readers_of_one_generation_get_private_copies_that_vanish(store: EdgeStore) -> None:
    fill(store)
    readers = [store.reader() for _ in range(3)]
    assert all(answers(reader, 5) for reader in readers)
    assert sum(".reader-" in name for name in names(store)) == 2
    fill(store, range(31, 34))
    for reader in readers:
        eventually(lambda reader=reader: reader.count() == 33)
        assert answers(reader, 33)
    for reader in readers:
        reader.close()
    assert names(store) == {"CURRENT", "writer.lock", "gen-000002"}


def test_private_copies_of_dead_readers_are_collected(store: EdgeStore) -> None:
    fill(store)
    left = place(store) / "gen-000001.reader-999999999-1"
    (left / "shard").mkdir(parents=True)
    fill(store, range(31, 33))
    assert names(store) == {"CURRENT", "writer.lock", "gen-000002"}


def test_what_a_reader_still_reads_is_not_collected(store: EdgeStore) -> None:
    fill(store)
    reader = store.reader()
    scan = reader.scan()
    first = next(scan)
    fill(store, range(31, 35))
    eventually(lambda: reader.count() == 34)
    assert "gen-000001" in names(store)
    assert [first, *scan] == [Known(number, picture(number)) for number in range(1, 31)]
    eventually(lambda: "gen-000001" not in names(store))
    reader.close()


def test_switching_generations_fails_no_request(store: EdgeStore) -> None:
    fill(store)
    reader = store.reader()
    failures: list[BaseException] = []
    asked = [0, 0, 0]
    stop = threading.Event()

    def ask(thread: int) -> None:
        while not stop.is_set():
            number = asked[thread] % 30 + 1
            try:
                assert ids_of(reader.search([query(number, 1)])[0]) == [number]
                assert reader.fetch([number])[number].picture == picture(number)
            except (VectorIndexError, AssertionError) as error:
                failures.append(error)
            asked[thread] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    with store.writer(SPEC, FOLDER) as writer:
        for number in range(31, 35):
            writer.upsert(points([number]))
            generation = writer.commit(final=False).generation
            eventually(lambda generation=generation: reader.manifest().generation == generation)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert min(asked) > 10
    reader.close()


def test_a_rollback_stays_possible_after_a_great_loss_only(store: EdgeStore) -> None:
    fill(store)
    with store.writer(SPEC, FOLDER) as writer:
        writer.delete(range(1, 15))
        writer.commit()
    assert {name for name in names(store) if name.startswith("gen-")} == {"gen-000002"}
    with store.writer(SPEC, FOLDER) as writer:
        writer.delete(range(15, 30))
        writer.commit(final=False)
        writer.upsert(points([31]))
        writer.commit()
    assert {name for name in names(store) if name.startswith("gen-")} == {"gen-000002", "gen-000004"}
    (place(store) / "CURRENT").write_text("gen-000002\n")
    reader = store.reader()
    assert reader.count() == 16
    reader.close()
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
        assert writer.commit().generation == 5
    assert {name for name in names(store) if name.startswith("gen-")} == {"gen-000005"}


def test_a_graph_is_built_and_finds_what_exact_search_finds(store: EdgeStore) -> None:
    fill(store, range(1, 1501))
    reader = store.reader()
    shard = place(store) / "gen-000001" / "shard"
    assert list(shard.rglob("*graph*")), "no search graph was written"
    questions = [query(number, 10) for number in range(2000, 2030)]
    exact = reader.search([query(number, 10, exact=True) for number in range(2000, 2030)])
    found = sum(len(set(ids_of(a)) & set(ids_of(b))) for a, b in zip(reader.search(questions), exact, strict=True))
    assert found >= 0.95 * 300
    assert ids_of(reader.search([query(77, 1)])[0]) == [77]
    reader.close()


def test_a_graph_over_rounded_vectors_gives_the_scores_of_the_vectors_themselves(store: EdgeStore) -> None:
    fill(store, range(1, 501))
    reader = store.reader()
    assert list(place(store).rglob("quantized.data")), "no rounded vectors were written"
    for number in range(2000, 2010):
        near, exact = reader.search([query(number, 10), query(number, 10, exact=True)])
        scores = dict(zip(ids_of(exact), exact.scores, strict=True))
        common = [(score, scores[one]) for one, score in zip(ids_of(near), near.scores, strict=True) if one in scores]
        assert len(common) >= 9
        assert all(abs(a - b) < 1e-6 for a, b in common)
    reader.close()


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xff" * 64)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "an unreadable segment": lambda shard: overwrite(next(shard.rglob("segment.json"))),
    "ids that were cut": lambda shard: cut(next(shard.rglob("mutable_id_tracker.mappings"))),
    "a panic": lambda shard: os.truncate(next(shard.rglob("vectors/status.dat")), 0),
    "vectors that are gone": lambda shard: next(shard.rglob("chunk_0.mmap")).unlink(),
    "no shard at all": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_generation_is_rebuilt_from_its_export(store: EdgeStore, damage: str) -> None:
    fill(store)
    DAMAGES[damage](place(store) / "gen-000001" / "shard")
    reader = store.reader()
    assert [known.picture for known in reader.scan()] == [picture(number) for number in range(1, 31)]
    assert all(answers(reader, number) for number in (1, 15, 30))
    assert reader.manifest().generation == 1
    reader.close()
    with store.writer(SPEC, FOLDER) as writer:
        assert len(list(writer.scan())) == 30


def test_a_writer_starts_from_the_export_of_a_damaged_generation(store: EdgeStore) -> None:
    fill(store)
    DAMAGES["a panic"](place(store) / "gen-000001" / "shard")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
        assert writer.commit().count == 31
    reader = store.reader()
    assert answers(reader, 3)
    reader.close()


def test_damage_without_a_good_export_is_said_with_the_remedy(store: EdgeStore) -> None:
    fill(store)
    generation = place(store) / "gen-000001"
    overwrite(generation / "vectors.npy")
    DAMAGES["a panic"](generation / "shard")
    reader = store.reader()
    with pytest.raises(IndexDamaged, match="--rebuild"):
        reader.search([query(1)])
    reader.close()
    with pytest.raises(IndexDamaged, match="--rebuild"), store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
    with store.writer(SPEC, FOLDER, rebuild=True) as writer:
        assert writer.manifest().next_id == 31
        writer.upsert(points(range(31, 34)))
        assert writer.commit().count == 3


def test_damage_found_while_serving_is_repaired(store: EdgeStore) -> None:
    """One payload that cannot be read passes the check at opening; the call that meets it starts the repair."""
    fill(store, range(1, 1001))
    page = next((place(store) / "gen-000001").rglob("page_0.dat"))
    size = len(page.read_bytes().rstrip(b"\0"))
    reader = store.reader()
    with page.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(400))

    def whole() -> bool:
        try:
            return [known.picture for known in reader.scan()] == [picture(number) for number in range(1, 1001)]
        except VectorIndexError:
            return False

    eventually(whole)
    reader.close()


def test_a_full_disk_is_refused_before_it_is_full(store: EdgeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    usage = shutil.disk_usage(store.index_dir)
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([31]))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=150 * 1024**2))
        for change in (
            lambda: writer.upsert(points([32])),
            lambda: writer.delete([1]),
            lambda: writer.update_pictures([Known(2, picture(3))]),
            writer.commit,
        ):
            with pytest.raises(DiskFull, match="MB free"):
                change()
        monkeypatch.undo()
        assert writer.commit().count == 31


def test_an_export_renewed_in_part_is_the_same_as_a_whole_one(store: EdgeStore, tmp_path: Path) -> None:
    fill(store, range(2, 1100))
    with store.writer(SPEC, FOLDER) as writer:
        writer.delete([2, 600, *range(1000, 1100)])
        writer.upsert([Point(1, *made_of(1)), Point(501, *made_of(77_000)), Point(2000, *made_of(2000))])
        writer.update_pictures([Known(7, picture(7, "renamed.jpg"))])
        writer.commit()
    fresh = EdgeStore(tmp_path / "fresh", "images")
    reader = store.reader()
    vectors = reader.vectors([known.id for known in reader.scan()])
    with fresh.writer(SPEC, FOLDER) as writer:
        writer.upsert([Point(known.id, vectors[known.id], known.picture) for known in reader.scan()])
        writer.commit()
    reader.close()
    for name in ("points.jsonl", "vectors.npy"):
        renewed = (place(store) / "gen-000002" / name).read_bytes()
        assert renewed == (place(fresh) / "gen-000001" / name).read_bytes()


def made_of(number: int) -> tuple[FloatVector, Picture]:
    return unit(number), picture(number)


def test_the_folder_belongs_to_its_owner_alone(store: EdgeStore) -> None:
    fill(store)
    assert place(store).stat().st_mode & 0o077 == 0
    assert store.index_dir.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("file", "content"), [("CURRENT", "nonsense"), ("CURRENT", "gen-000099"), ("gen-000001/manifest.json", "{}")]
)
def test_a_broken_book_is_said_plainly(store: EdgeStore, file: str, content: str) -> None:
    fill(store)
    (place(store) / file).write_text(content)
    reader = store.reader()
    with pytest.raises(VectorIndexError, match=r"restore|index the folder again"):
        reader.count()
    reader.close()
    with pytest.raises(VectorIndexError, match=r"restore|index the folder again"):
        store.writer(SPEC, FOLDER)


def test_a_dropped_collection_is_an_empty_one(store: EdgeStore) -> None:
    fill(store)
    reader = store.reader()
    shutil.rmtree(place(store))
    eventually(lambda: not answers(reader, 1))
    with store.writer(OTHER, FOLDER) as writer:
        writer.upsert(points([1]))
        writer.commit()
    eventually(lambda: answers(reader, 1))
    assert reader.manifest().model == "other"
    reader.close()


def test_what_an_interrupted_run_of_another_folder_left_is_not_published(tmp_path: Path) -> None:
    store = EdgeStore(tmp_path / "storage", "images")
    with store.writer(SPEC, FOLDER) as writer:
        writer.upsert(points(range(1, 4)))
        writer.commit()
    with store.writer(SPEC, "/pictures/elsewhere") as writer:
        writer.upsert(points(range(4, 6)))
        writer.delete([1])
    with store.writer(SPEC, FOLDER) as writer:
        assert [known.id for known in writer.scan()] == [1, 2, 3]
        writer.upsert(points([9]))
        assert writer.commit().count == 4
