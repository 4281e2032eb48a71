"""The only module that names an engine of the index: settings in, collections and their catalogue out.

Each engine is imported where it is opened: the service shall start at once.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from search_app.index.base import IndexStore
from search_app.index.catalogue import Catalogue
from search_app.settings import Settings

if TYPE_CHECKING:
    from search_app.index.examined import Examined, FolderFacts
    from search_app.index.profile import Profile


def open_store(settings: Settings) -> IndexStore:
    """Open the collection that `SEARCH_COLLECTION` stands for now; a later switch of that alias does not touch it."""
    if settings.qdrant_url:  # looked up with the first request, as a service may be started before its server
        from search_app.index.server.store import ServerStore

        store = ServerStore(settings.qdrant_url, settings.collection, settings.qdrant_api_key, through_aliases=True)
        return store.with_profile(open_profile(settings))
    return open_collection(settings, resolved_collection(settings))


def open_collection(settings: Settings, collection: str) -> IndexStore:
    """Open the collection of this very name, whatever an alias of the name stands for.

    It is on a Qdrant server where `QDRANT_URL` is set, else in a folder of this machine.
    """
    if settings.qdrant_url:
        from search_app.index.server.store import ServerStore

        profile = open_profile(settings)
        return ServerStore(settings.qdrant_url, collection, settings.qdrant_api_key).with_profile(profile)
    from search_app.index.edge.store import EdgeStore

    return EdgeStore(settings.index_dir, collection, shape=open_profile(settings).shape())


def open_profile(settings: Settings) -> "Profile":
    """Read how collections are made and asked; raises `SettingsError` for what the back end cannot do."""
    from search_app.index.profile_file import for_embedded, read_profile

    profile = read_profile(settings.profile)
    return profile if settings.qdrant_url else for_embedded(profile, settings.profile)


def open_catalogue(settings: Settings) -> Catalogue:
    """Open what knows all collections and aliases; `close()` of the result gives the connection back."""
    if settings.qdrant_url:
        from search_app.index.server.catalogue import server_catalogue

        return server_catalogue(settings.qdrant_url, settings.qdrant_api_key)
    from search_app.index.edge.catalogue import edge_catalogue

    return edge_catalogue(settings.index_dir)


def resolved_collection(settings: Settings) -> str:
    """The collection that `SEARCH_COLLECTION` stands for now."""
    with closing(open_catalogue(settings)) as catalogue:
        return catalogue.resolve(settings.collection)


def with_model_of_alias(settings: Settings) -> Settings:
    """The settings with the model that made what `SEARCH_COLLECTION` stands for, where it is an alias."""
    with closing(open_catalogue(settings)) as catalogue:
        collection = catalogue.resolve(settings.collection)
        if collection == settings.collection:
            return settings
        manifest = catalogue.facts(collection).manifest
    return settings if manifest is None else settings.model_copy(update={"model": manifest.model})


def open_memory_store(settings: Settings) -> IndexStore:
    """Make an empty collection in this process, for what is to be looked at once and not kept."""
    from search_app.index.memory.store import MemoryStore

    return MemoryStore(settings.collection)


@contextmanager
def examine_index(settings: Settings, scratch: Path) -> "Iterator[Examined]":
    """Open the collection to look at it and change nothing; an embedded one is copied to the folder `scratch`.

    Raises what opening raises: `NoIndexYet`, `IndexDamaged`, `IndexUnavailable`.
    """
    from search_app.index.examined import Examined

    if settings.qdrant_url:
        reader = open_store(settings).reader()
        try:
            yield Examined(reader.manifest(), reader)
        finally:
            reader.close()
        return
    from search_app.index.edge.examine import examined

    with examined(settings.index_dir, resolved_collection(settings), scratch) as found:
        yield found


def look_at_folder(settings: Settings) -> "FolderFacts | None":
    """What lies in the folder of an embedded collection; None for one on a server and for one that is empty."""
    if settings.qdrant_url:
        return None
    from search_app.index.edge.examine import folder_facts

    return folder_facts(settings.index_dir, resolved_collection(settings))
