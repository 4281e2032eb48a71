"""What the catalogues of a folder and of a server must do beyond the contract: damage, strangers, what they cost."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from qdrant_client import models

from search_app.errors import IndexDamaged, IndexInUse, NotFound, VectorIndexError
from search_app.index.edge.catalogue import edge_catalogue
from search_app.index.edge.locks import FileLock
from search_app.index.edge.store import EdgeStore
from search_app.index.server.catalogue import server_catalogue
from search_app.index.server.store import ServerStore
from search_app.settings import Settings
from search_app.wiring_index import open_catalogue, open_collection, open_store, with_model_of_alias
from tests.containers.qdrant_stand_in import serving
from tests.faults.plans import always
from tests.faults.proxy import faulty_proxy
from tests.index.conftest import LOCAL_MODE_WARNINGS, SharedClient
from tests.index.points import FOLDER, OTHER, SPEC, points

pytestmark = LOCAL_MODE_WARNINGS


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two collections, and an alias that stands for the second."""
    for name in ("v1", "v2"):
        fill(EdgeStore(tmp_path, name))
    edge_catalogue(tmp_path).switch("live", "v1")
    edge_catalogue(tmp_path).switch("live", "v2")
    return tmp_path


def fill(store: EdgeStore | ServerStore, ids: range = range(1, 4), *, rebuild: bool = False) -> None:
    with store.writer(SPEC, FOLDER, rebuild=rebuild) as writer:
        writer.upsert(points(ids))
        writer.commit()


def flip(file: Path) -> None:
    file.write_text(file.read_text().replace('"v2"', '"v1"', 1))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (flip, "it is not what was written"),
        (lambda file: file.write_bytes(file.read_bytes()[:40]), "JSONDecodeError"),
        (lambda file: file.write_bytes(b""), "JSONDecodeError"),
        (lambda file: file.write_text("[]"), "TypeError"),
        (lambda file: file.write_bytes(b'{"\xff": 1}'), "UnicodeDecodeError"),
    ],
    ids=["one letter", "cut", "empty", "another form", "no text"],
)
def test_damage_to_the_aliases_is_told_with_its_remedy_and_never_followed(
    home: Path, damage: Callable[[Path], object], why: str
) -> None:
    catalogue = edge_catalogue(home)
    assert catalogue.resolve("live") == "v2"
    file = home / "_aliases.json"
    damage(file)
    for ask in (catalogue.aliases, lambda: catalogue.resolve("live"), lambda: catalogue.switch("live", "v1")):
        with pytest.raises(IndexDamaged, match=rf"_aliases\.json cannot be read \({why}.*backup, or remove it"):
            ask()
    file.unlink()
    assert (catalogue.resolve("live"), catalogue.aliases()) == ("live", {})
    catalogue.switch("live", "v1")
    assert catalogue.resolve("live") == "v1"


def test_aliases_of_a_later_version_are_left_alone(home: Path) -> None:
    file = home / "_aliases.json"
    content = json.loads(file.read_text()) | {"schema_version": 9}
    file.write_text(json.dumps(content))
    with pytest.raises(IndexDamaged, match="it has schema version 9, this program reads 1"):
        edge_catalogue(home).resolve("live")


_watchers: list[Callable[[str, tuple[object, ...]], None]] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    for watcher in _watchers:
        watcher(event, arguments)


@contextmanager
def opened_in(folder: Path) -> Iterator[list[str]]:
    """The files in a folder that this process opens meanwhile; an audit hook cannot be taken away again."""
    if not hasattr(_audit, "is_added"):
        sys.addaudithook(_audit)
        _audit.is_added = True  # type: ignore[attr-defined]
    opened: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(str(folder)):
            opened.append(str(arguments[0]))

    _watchers.append(watch)
    try:
        yield opened
    finally:
        _watchers.remove(watch)


def test_to_look_where_a_name_leads_opens_no_file_while_nothing_changes(home: Path) -> None:
    catalogue = edge_catalogue(home)
    catalogue.resolve("live")
    with opened_in(home) as opened:
        for _ in range(10):
            assert catalogue.resolve("live") == "v2"
        assert not opened
        edge_catalogue(home).switch("live", "v1")
        opened.clear()
        assert catalogue.resolve("live") == "v1"
        assert opened == [str(home / "_aliases.json")]


def test_a_switch_that_finds_another_at_work_says_who(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_app.index.edge.catalogue._SWITCH_WAITS_S", 0.1)
    lock = FileLock.take(home / "_aliases.lock")
    assert lock is not None
    lock.note("process 4711")
    with pytest.raises(IndexInUse, match="are being changed by process 4711"):
        edge_catalogue(home).switch("live", "v1")
    lock.release()
    assert edge_catalogue(home).resolve("live") == "v2"


def test_only_collections_are_listed_and_dropped(home: Path) -> None:
    for other in ("models", "compare", "v1.backup"):
        (home / other).mkdir()
        (home / other / "kept.txt").write_text("kept")
    (home / "judgements.sqlite").write_text("kept")
    catalogue = edge_catalogue(home)
    assert catalogue.collections() == ["v1", "v2"]
    for other in ("models", "compare", "v1.backup", "judgements.sqlite", "..", ".", "", "_aliases.json", "live"):
        with pytest.raises(NotFound):
            catalogue.drop(other)
    (home / "v1" / "notes.txt").write_text("mine")
    with pytest.raises(VectorIndexError, match=r"v1 holds 'notes.txt', which is no part of a collection"):
        catalogue.drop("v1")
    (home / "v1" / "notes.txt").unlink()
    elsewhere = home.parent / "elsewhere"
    (home / "v1").rename(elsewhere)
    (home / "v1").symlink_to(elsewhere)
    assert catalogue.collections() == ["v1", "v2"]
    with pytest.raises(VectorIndexError, match="v1 is a link"):
        catalogue.drop("v1")
    assert (elsewhere / "CURRENT").is_file()


def test_what_a_reader_has_open_is_not_dropped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_app.index.edge.catalogue._DROP_WAITS_S", 0.1)
    catalogue = edge_catalogue(home)
    with closing(EdgeStore(home, "v1").reader()) as reader:
        with pytest.raises(IndexInUse, match="collection 'v1' is open in another process"):
            catalogue.drop("v1")
        assert reader.count() == 3
        catalogue.switch("live", "v1")  # opens well: the reader has it open
    catalogue.switch("live", "v2")
    catalogue.drop("v1")
    assert not (home / "v1").exists()


def test_a_drop_waits_for_a_reader_that_is_ending(home: Path) -> None:
    reader = EdgeStore(home, "v1").reader()
    ending = threading.Timer(0.3, reader.close)
    ending.start()
    edge_catalogue(home).drop("v1")
    ending.join()
    assert not (home / "v1").exists()


def spoil(generation: Path) -> None:
    vectors = next((generation / "shard").rglob("chunk_0.mmap"))
    vectors.write_bytes(b"x" * vectors.stat().st_size)


def test_a_switch_mends_a_damaged_shard_from_its_export_or_is_refused(home: Path) -> None:
    catalogue = edge_catalogue(home)
    generation = home / "v1" / "gen-000001"
    spoil(generation)
    catalogue.switch("live", "v1")
    assert list((home / "v1").glob("damaged-*"))
    catalogue.switch("live", "v2")
    spoil(generation)
    for file in generation.glob("*.npy"):
        file.unlink()
    with pytest.raises(IndexDamaged):
        catalogue.switch("live", "v1")
    assert catalogue.resolve("live") == "v2"


def test_facts_of_a_collection_that_cannot_be_read_say_why(home: Path) -> None:
    (home / "v1" / "gen-000001" / "manifest.json").write_text("{")
    facts = edge_catalogue(home).facts("v1")
    assert facts.manifest is None
    assert "manifest.json cannot be read" in facts.fault
    assert facts.size_bytes


def test_what_settings_open_follows_an_alias_once_and_then_stays(home: Path) -> None:
    settings = Settings(index_dir=home, collection="live", model="named")
    assert with_model_of_alias(settings).model == SPEC.name
    with EdgeStore(home, "v2").writer(OTHER, FOLDER, rebuild=True) as writer:
        writer.upsert(points(range(1, 8)))
        writer.commit()
    assert with_model_of_alias(settings).model == OTHER.name
    assert with_model_of_alias(settings.model_copy(update={"collection": "v1"})).model == "named"
    with closing(open_store(settings).reader()) as reader:
        assert reader.count() == 7
        with closing(open_catalogue(settings)) as catalogue:
            catalogue.switch("live", "v1")
        assert reader.manifest().collection == "v2"
    with closing(open_store(settings).reader()) as reader, closing(open_collection(settings, "v2").reader()) as second:
        assert (reader.count(), second.count()) == (3, 7)


def test_a_server_is_asked_once_where_a_name_leads_and_once_to_switch_it(url: str) -> None:
    for name in ("one", "two"):
        fill(ServerStore(url, name))
    with faulty_proxy(url, always("pass")) as proxy, closing(server_catalogue(proxy.url)) as catalogue:
        catalogue.switch("one", "two")
        changes = [
            body["actions"] for method, path, body in proxy.passed if (method, path) == ("POST", "/collections/aliases")
        ]
        assert len(changes) == 1
        made = {
            action["create_alias"]["alias_name"]: action["create_alias"]["collection_name"] for action in changes[0]
        }
        assert made == {"one": "two__000001", "one__own": "one__000001", "one__before_01": "one__000001"}
        assert [*made][-1] == "one"
        proxy.passed.clear()
        assert catalogue.resolve("one") == "two"
        assert [(method, path) for method, path, _ in proxy.passed] == [("GET", "/aliases")]


def stores() -> tuple[SharedClient, Callable[[str], ServerStore]]:
    client = SharedClient(":memory:")
    return client, lambda name: ServerStore("memory", name, make_client=lambda _: client)


def test_a_rebuild_moves_all_aliases_in_one_request_with_the_collection(url: str) -> None:
    for name in ("old", "new"):
        fill(ServerStore(url, name))
    with closing(server_catalogue(url)) as catalogue:
        for alias in ("old", "prod"):
            catalogue.switch(alias, "new")
        with faulty_proxy(url, always("pass")) as proxy:
            fill(ServerStore(proxy.url, "new"), range(1, 6), rebuild=True)
        (actions,) = (body["actions"] for _, path, body in proxy.passed if path == "/collections/aliases")
        assert {action["create_alias"]["alias_name"] for action in actions} == {"new", "old", "prod"}
        assert {action["create_alias"]["collection_name"] for action in actions} == {"new__000002"}
        assert catalogue.aliases() | {"old": "new", "prod": "new"} == catalogue.aliases()


def test_an_alias_that_came_late_is_moved_before_what_it_points_to_is_dropped() -> None:
    client, store = stores()
    fill(store("new"))
    catalogue = server_catalogue("memory", make_client=lambda _: client)
    fill(store("new"), range(1, 6), rebuild=True)
    # A switch that had read where `new` was just before the rebuild moved it.
    late = models.CreateAlias(alias_name="late", collection_name="new__000001")
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=late)])
    assert catalogue.resolve("late") == "new"
    fill(store("new"), range(6, 8))
    assert {one.name for one in client.get_collections().collections} == {"new__000002"}
    assert catalogue.resolve("late") == "new"


def test_what_others_keep_on_a_server_is_neither_listed_nor_dropped() -> None:
    client, store = stores()
    client.create_collection("docs", vectors_config={})
    client.create_collection("foreign__000001", vectors_config={})
    fill(store("mine"))
    catalogue = server_catalogue("memory", make_client=lambda _: client)
    assert catalogue.collections() == ["foreign", "mine"]
    assert catalogue.facts("foreign").manifest is None
    with pytest.raises(NotFound):
        catalogue.drop("docs")
    with pytest.raises(IndexDamaged, match="'foreign__000001' without its manifest"):
        catalogue.drop("foreign")
    assert {one.name for one in client.get_collections().collections} == {"docs", "foreign__000001", "mine__000001"}


def test_a_store_opened_through_an_alias_stays_with_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search_app.index.server.reader._FRESH_S", 0.0)
    client, store = stores()
    fill(store("v1"))
    fill(store("v2"), range(1, 6))
    catalogue = server_catalogue("memory", make_client=lambda _: client)
    through = ServerStore("memory", "live", make_client=lambda _: client, through_aliases=True)
    reader = through.reader()
    catalogue.switch("live", "v1")
    assert reader.count() == 3
    catalogue.switch("live", "v2")
    assert reader.manifest().collection == "v1"
    with through.writer(SPEC, FOLDER) as writer:
        writer.upsert(points([9]))
        assert writer.commit().collection == "v2"
    with closing(store("v2").reader()) as again:
        assert again.count() == 6
    catalogue.switch("v1", "v2")  # what was found is a collection: it is not looked up again as an alias
    assert (reader.count(), reader.manifest().collection) == (3, "v1")
