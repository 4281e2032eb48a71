"""What every catalogue must do, whatever back end is behind it: collections, and aliases that stand for them."""

import itertools
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from search_app.errors import BadRequest, IndexInUse, NoIndexYet, NotFound, SearchAppError
from search_app.index.aliases import DEPTH
from search_app.index.base import IndexStore
from search_app.index.catalogue import Catalogue
from search_app.index.edge.catalogue import edge_catalogue
from search_app.index.edge.store import EdgeStore
from search_app.index.memory.catalogue import MemoryShelf, memory_catalogue
from search_app.index.server.address import Address
from search_app.index.server.catalogue import server_catalogue
from search_app.index.server.connection import connect
from search_app.index.server.store import ServerStore
from tests.containers.qdrant_stand_in import serving
from tests.index.conftest import LOCAL_MODE_WARNINGS, REAL_SERVER, REAL_SERVER_KEY, SharedClient
from tests.index.points import FOLDER, OTHER, SPEC, points


@dataclass(frozen=True)
class Backend:
    """One back end, opened anew at each call as several processes would."""

    catalogue: Callable[[], Catalogue]
    store: Callable[[str], IndexStore]
    mark: str = ""
    """Stands at the beginning of every name where others use the same server."""
    copy: Callable[[str, range], bool] = lambda *_: False
    """Puts a collection there that was made before, where that is quicker; False where it has to be made."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(
    params=[
        "memory",
        "edge",
        pytest.param("server", marks=LOCAL_MODE_WARNINGS),
        pytest.param("real_server", marks=pytest.mark.skipif(not REAL_SERVER, reason="QDRANT_URL names no server")),
    ]
)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    match request.param:
        case "memory":
            shelf = MemoryShelf()
            yield Backend(lambda: memory_catalogue(shelf), shelf.store)
        case "edge":
            home, made = tmp_path / "storage", request.getfixturevalue("made")
            copy = partial(copy_collection, made, home)
            yield Backend(lambda: edge_catalogue(home), lambda name: EdgeStore(home, name), copy=copy)
        case "server":
            client = SharedClient(":memory:")
            yield Backend(
                lambda: server_catalogue("memory", make_client=lambda _: client),
                lambda name: ServerStore("memory", name, make_client=lambda _: client),
            )
        case "http":
            url = request.getfixturevalue("url")
            mark = f"t{uuid.uuid4().hex[:6]}-"
            yield Backend(lambda: server_catalogue(url), lambda name: ServerStore(url, name), mark)
        case "real_server":
            yield from on_real_server(REAL_SERVER, REAL_SERVER_KEY)


def on_real_server(url: str, key: str) -> Iterator[Backend]:
    """Names of its own on a running server, removed afterwards; their aliases end with them."""
    mark = f"test-{uuid.uuid4().hex[:12]}-"
    yield Backend(lambda: server_catalogue(url, key), lambda name: ServerStore(url, name, key), mark)
    client = connect(Address(url, key), 60)
    for collection in client.get_collections().collections:
        if collection.name.startswith(mark):
            client.delete_collection(collection.name)
    client.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the embedded collections are kept that one of the tests has made."""
    return tmp_path_factory.mktemp("made")


def copy_collection(made: Path, home: Path, name: str, ids: range) -> bool:
    if (home / name).exists():
        return False
    ready = made / f"{ids.start}-{ids.stop}"
    if not (ready / name).exists():
        with EdgeStore(ready, name).writer(SPEC, FOLDER) as writer:
            writer.upsert(points(ids))
            writer.commit()
    shutil.copytree(ready / name, home / name)
    return True


def fill(backend: Backend, name: str, ids: range = range(1, 4), *, rebuild: bool = False) -> None:
    if backend.copy(name, ids):
        return
    with backend.store(backend.mark + name).writer(SPEC, FOLDER, rebuild=rebuild) as writer:
        writer.upsert(points(ids))
        writer.commit()


def count(backend: Backend, name: str) -> int:
    with closing(backend.store(name).reader()) as reader:
        return reader.count()


over_http_too = pytest.mark.parametrize(
    "backend",
    ["memory", "edge", *(pytest.param(name, marks=LOCAL_MODE_WARNINGS) for name in ("server", "http"))],
    indirect=True,
)
"""What goes over the wire is the same for all that is done with aliases."""


@dataclass(frozen=True)
class Asked:
    """A catalogue whose names are those of the test, without the mark."""

    catalogue: Catalogue
    mark: str

    def names(self) -> list[str]:
        return [name.removeprefix(self.mark) for name in self.catalogue.collections() if name.startswith(self.mark)]

    def aliases(self) -> dict[str, str]:
        return {
            alias.removeprefix(self.mark): name.removeprefix(self.mark)
            for alias, name in self.catalogue.aliases().items()
            if alias.startswith(self.mark)
        }

    def before(self, alias: str) -> list[str]:
        return [name.removeprefix(self.mark) for name in self.catalogue.before(self.mark + alias)]

    def resolve(self, name: str) -> str:
        return self.catalogue.resolve(self.mark + name).removeprefix(self.mark)

    def switch(self, alias: str, collection: str) -> str:
        return self.catalogue.switch(self.mark + alias, self.mark + collection).removeprefix(self.mark)

    def back(self, alias: str) -> str:
        return self.catalogue.back(self.mark + alias).removeprefix(self.mark)

    def remove(self, alias: str) -> str:
        return self.catalogue.remove(self.mark + alias).removeprefix(self.mark)

    def drop(self, collection: str) -> None:
        self.catalogue.drop(self.mark + collection)


@pytest.fixture
def asked(backend: Backend) -> Iterator[Asked]:
    with closing(backend.catalogue()) as catalogue:
        yield Asked(catalogue, backend.mark)


def another(backend: Backend) -> Asked:
    """The catalogue as another process has it."""
    return Asked(backend.catalogue(), backend.mark)


def test_where_there_is_nothing_every_name_is_itself(asked: Asked) -> None:
    assert (asked.names(), asked.aliases(), asked.resolve("images"), asked.before("images")) == ([], {}, "images", [])


def test_a_collection_is_listed_from_its_first_run_on(backend: Backend, asked: Asked) -> None:
    with backend.store(backend.mark + "begun").writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
    fill(backend, "made")
    assert asked.names() == ["begun", "made"]
    begun, facts = (asked.catalogue.facts(backend.mark + name) for name in ("begun", "made"))
    assert (begun.manifest, begun.fault) == (None, "")
    with closing(backend.store(backend.mark + "made").reader()) as reader:
        assert (facts.name, facts.manifest, facts.fault) == (backend.mark + "made", reader.manifest(), "")
    with pytest.raises(NotFound, match=r"no collection is called '.*missing': there are .*begun, .*made"):
        asked.catalogue.facts(backend.mark + "missing")


def test_an_alias_is_switched_and_every_process_sees_it(backend: Backend, asked: Asked) -> None:
    fill(backend, "v1")
    fill(backend, "v2")
    watching = another(backend)
    assert watching.resolve("live") == "live"
    assert asked.switch("live", "v1") == "live"
    assert (watching.resolve("live"), watching.aliases()) == ("v1", {"live": "v1"})
    assert asked.switch("live", "v2") == "v1"
    assert (watching.resolve("live"), watching.before("live")) == ("v2", ["v1"])
    assert watching.resolve("v1") == "v1"


@over_http_too
def test_an_alias_may_stand_before_the_collection_of_its_name_and_give_way_again(
    backend: Backend, asked: Asked
) -> None:
    fill(backend, "images", range(1, 4))
    fill(backend, "images-v2", range(1, 6))
    assert asked.switch("images", "images-v2") == "images"
    assert asked.aliases() == {"images": "images-v2"}
    assert asked.names() == ["images", "images-v2"]
    assert [count(backend, backend.mark + name) for name in ("images", "images-v2")] == [3, 5]
    assert asked.back("images") == "images"
    assert (asked.aliases(), asked.resolve("images"), asked.before("images")) == ({}, "images", [])
    assert count(backend, backend.mark + "images") == 3


def test_names_are_looked_up_once_so_two_may_change_places(backend: Backend, asked: Asked) -> None:
    for name in ("a", "b"):
        fill(backend, name)
    asked.switch("a", "b")
    asked.switch("b", "a")
    assert (asked.resolve("a"), asked.resolve("b")) == ("b", "a")
    assert asked.names() == ["a", "b"]


def test_back_undoes_one_switch_after_the_other(backend: Backend, asked: Asked) -> None:
    for name in ("v1", "v2", "v3"):
        fill(backend, name)
        asked.switch("live", name)
    assert asked.before("live") == ["v2", "v1"]
    assert asked.switch("live", "v3") == "v3"  # changes nothing, and is nothing to undo
    assert [asked.back("live"), asked.back("live")] == ["v2", "v1"]
    with pytest.raises(NotFound, match=r"nothing is known that '.*live' stood for before"):
        asked.back("live")
    assert asked.resolve("live") == "v1"


def test_so_many_switches_are_remembered(backend: Backend, asked: Asked) -> None:
    for name in ("v1", "v2"):
        fill(backend, name)
    names = [name for name, _ in zip(itertools.cycle(["v1", "v2"]), range(DEPTH + 4), strict=False)]
    for name in names:
        asked.switch("live", name)
    assert asked.before("live") == names[-2 : -2 - DEPTH : -1]


def test_a_removed_alias_is_forgotten_with_all_it_stood_for(backend: Backend, asked: Asked) -> None:
    for name in ("v1", "v2"):
        fill(backend, name)
        asked.switch("live", name)
        asked.switch("v1", name)
    assert asked.remove("live") == "v2"
    assert asked.remove("v1") == "v2"
    assert (asked.aliases(), asked.resolve("live"), asked.before("live"), asked.resolve("v1")) == ({}, "live", [], "v1")
    with pytest.raises(NotFound, match=r"no alias is called '.*live'"):
        asked.remove("live")
    assert asked.names() == ["v1", "v2"]


def test_a_switch_looks_first(backend: Backend, asked: Asked) -> None:
    fill(backend, "v1")
    asked.switch("live", "v1")
    with pytest.raises(NotFound, match=r"no collection is called '.*v9': there are .*v1"):
        asked.switch("live", "v9")
    with pytest.raises(NotFound):
        asked.switch("live", "live")  # an alias is no collection
    with backend.store(backend.mark + "begun").writer(SPEC, FOLDER) as writer:
        writer.upsert(points([1]))
    with pytest.raises(NoIndexYet):
        asked.switch("live", "begun")
    assert (asked.resolve("live"), asked.before("live")) == ("v1", [])


@pytest.mark.parametrize("name", ["", "a b", "../up", ".hidden", "two__underscores", "x" * 65])
def test_not_every_name_can_be_an_alias(asked: Asked, name: str) -> None:
    with pytest.raises(BadRequest, match="cannot be the name of an alias"):
        asked.catalogue.switch(name, "v1")


def test_what_was_dropped_is_gone_and_nothing_goes_back_to_it(backend: Backend, asked: Asked) -> None:
    for name in ("v1", "v2", "v3"):
        fill(backend, name)
        asked.switch("live", name)
    asked.drop("v2")
    assert (asked.names(), asked.before("live")) == (["v1", "v3"], ["v1"])
    fill(backend, "v2")
    assert asked.back("live") == "v1"
    with pytest.raises(NotFound):
        asked.drop("v9")


def test_the_collection_behind_an_alias_of_its_name_can_be_dropped(backend: Backend, asked: Asked) -> None:
    fill(backend, "images")
    fill(backend, "images-v2", range(1, 6))
    asked.switch("images", "images-v2")
    asked.drop("images")
    assert (asked.names(), asked.aliases(), asked.before("images")) == (["images-v2"], {"images": "images-v2"}, [])
    assert count(backend, backend.mark + "images-v2") == 5
    fill(backend, "images", range(1, 9))  # a new one of that name: the alias still stands before it
    assert asked.resolve("images") == "images-v2"
    assert [count(backend, backend.mark + name) for name in ("images", "images-v2")] == [8, 5]


def test_what_an_alias_stands_for_or_a_run_writes_is_not_dropped(backend: Backend, asked: Asked) -> None:
    fill(backend, "v1")
    fill(backend, "v2")
    asked.switch("live", "v1")
    with pytest.raises(IndexInUse, match=r"alias '.*live' stands for collection '.*v1': switch it"):
        asked.drop("v1")
    with backend.store(backend.mark + "v2").writer(SPEC, FOLDER), pytest.raises(IndexInUse, match="being written"):
        asked.drop("v2")
    assert [count(backend, backend.mark + name) for name in ("v1", "v2")] == [3, 3]


@over_http_too
def test_aliases_move_along_with_a_rebuild_of_what_they_stand_for(backend: Backend, asked: Asked) -> None:
    fill(backend, "images", range(1, 4))
    fill(backend, "v2", range(1, 5))
    for alias in ("images", "live"):
        asked.switch(alias, "v2")
    for ids in (range(1, 7), range(1, 8), range(1, 9)):
        fill(backend, "v2", ids, rebuild=True)
        fill(backend, "images", range(1, 3), rebuild=True)
    assert asked.aliases() == {"images": "v2", "live": "v2"}
    assert (asked.before("images"), [count(backend, backend.mark + name) for name in ("v2", "images")]) == (
        ["images"],
        [8, 2],
    )
    assert asked.back("images") == "images"
    assert count(backend, backend.mark + "images") == 2


def test_a_rebuild_by_another_model_keeps_its_aliases(backend: Backend, asked: Asked) -> None:
    fill(backend, "v1")
    asked.switch("live", "v1")
    with backend.store(backend.mark + "v1").writer(OTHER, FOLDER, rebuild=True) as writer:
        writer.upsert(points(range(1, 6)))
        assert count(backend, backend.mark + "v1") == 3
        writer.commit()
    facts = asked.catalogue.facts(asked.catalogue.resolve(backend.mark + "live"))
    assert facts.manifest is not None
    assert (facts.manifest.model, facts.manifest.count) == (OTHER.name, 5)


@over_http_too
def test_two_who_switch_at_once_come_one_after_the_other(backend: Backend, asked: Asked) -> None:
    fill(backend, "v0")
    asked.switch("live", "v0")
    names = ["v1", "v2", "v3", "v4"]
    for name in names:
        fill(backend, name)
    failed: list[SearchAppError] = []

    def switch(name: str) -> None:
        try:
            with closing(backend.catalogue()) as catalogue:
                Asked(catalogue, backend.mark).switch("live", name)
        except SearchAppError as error:
            failed.append(error)

    threads = [threading.Thread(target=switch, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    *later, first = [asked.resolve("live"), *asked.before("live")]
    assert (sorted(later), first) == (names, "v0")


def test_a_switch_and_a_drop_of_the_same_collection_at_once(backend: Backend, asked: Asked) -> None:
    fill(backend, "v1")
    fill(backend, "v2")
    asked.switch("live", "v1")
    outcomes: list[str] = []

    def attempt(what: str) -> None:
        with closing(backend.catalogue()) as catalogue:
            mine = Asked(catalogue, backend.mark)
            try:
                mine.switch("live", "v2") if what == "switched" else mine.drop("v2")
                outcomes.append(what)
            except (NotFound, IndexInUse):
                pass

    threads = [threading.Thread(target=attempt, args=(what,)) for what in ("switched", "dropped")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes in (["switched"], ["dropped"])
    assert (asked.resolve("live"), asked.names()) == (
        ("v2", ["v1", "v2"]) if outcomes == ["switched"] else ("v1", ["v1"])
    )
