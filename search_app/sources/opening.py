"""From a location to the source that is there; what a kind of source needs is imported when it is opened."""

from pathlib import Path

from search_app.sources.base import INDEXING, Limits, Source
from search_app.sources.folder import FolderSource
from search_app.sources.locations import WEB, locate
from search_app.sources.stores import FileStore


def open_source(location: str, limits: Limits = INDEXING) -> Source:
    """Open what a user gave as SOURCE, or what a manifest has as its folder; nothing is asked yet but a folder.

    Raises `IngestError` where it is none and `MissingDependency` where packages for it are not installed.
    """
    found = locate(location)
    if found.kind == "folder":
        return FolderSource(Path(location))
    store = open_files(found.root, limits)
    if found.kind == "tree":
        from search_app.sources.tree import TreeSource

        return TreeSource(found.root, store, limits)
    if found.kind == "shards":
        from search_app.sources.shards import ShardSource

        return ShardSource(found, store, limits)
    from search_app.sources.lists import ListSource

    return ListSource(found, store, lambda root: open_files(root, limits), limits)


def as_source(given: Path | Source) -> Source:
    """A folder as a source; raises `IngestError` where it is none."""
    return FolderSource(given) if isinstance(given, Path) else given


def open_files(root: str, limits: Limits) -> FileStore:
    """Open the files below an absolute path or an address."""
    scheme, _, rest = root.partition("://")
    if not rest:
        from search_app.sources.local_files import LocalFiles

        return LocalFiles(Path(root), limits)
    if scheme in WEB:
        from search_app.sources.http_files import HttpFiles

        return HttpFiles(root, limits)
    from search_app.sources.object_files import ObjectFiles

    return ObjectFiles(root, limits)
