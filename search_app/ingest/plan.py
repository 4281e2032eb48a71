"""Which pictures are new, changed, renamed or gone: a pure function over what is known and what was found.

Identity follows content. A file whose bytes are those of a picture that is no longer at its own path is that picture,
renamed: it keeps id and vector. A file whose bytes changed in place keeps its id and gets a new vector.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from search_app.datatypes import UNKNOWN_SIZE, ImageRef, Known, MetaValue


@dataclass(frozen=True, slots=True)
class Embed:
    """One file to embed; `id` is None where the picture is new."""

    ref: ImageRef
    id: int | None
    meta: Mapping[str, MetaValue] = field(default_factory=dict)
    """What a metadata file says about it, now or earlier."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an index run has to do."""

    embed: list[Embed] = field(default_factory=list)
    """In path order, so that new ids are given in that order."""
    relabel: list[Known] = field(default_factory=list)
    """Same bytes, new path, new file time or other metadata: only the payload changes."""
    remove: list[int] = field(default_factory=list)
    unchanged: int = 0
    renamed: int = 0


def plan_run(
    found: Sequence[ImageRef],
    known: Iterable[Known],
    hash_file: Callable[[ImageRef], str | None],
    is_hidden: Callable[[str], bool] = lambda _path: False,
) -> Plan:
    """Compare what the scan found (in path order) with what the index holds.

    `hash_file` gives the content hash of a file or None where it cannot be read; it is called only for files whose
    size is that of a picture with an open fate, so a first run reads nothing twice. `is_hidden` tells paths that could
    not be looked at this time (a folder without permission): pictures there are kept, since nobody knows that they
    are gone.
    """
    by_path = {item.picture.path: item for item in known}
    open_files = [ref for ref in found if not _is_unchanged(ref, by_path.get(ref.path))]
    settled = {ref.path for ref in found} - {ref.path for ref in open_files}
    open_known = {path: item for path, item in by_path.items() if path not in settled and not is_hidden(path)}

    same_bytes = _match_contents(open_files, open_known, hash_file)
    moved_ids = {item.id for item in same_bytes.values()}
    relabel, embed = [], []
    for ref in open_files:
        if (item := same_bytes.get(ref.path)) is not None:
            size = item.picture.size_bytes if ref.size_bytes == UNKNOWN_SIZE else ref.size_bytes
            picture = replace(item.picture, path=ref.path, size_bytes=size, mtime_ns=ref.mtime_ns, version=ref.version)
            relabel.append(Known(item.id, picture))
        else:
            here = open_known.get(ref.path)
            embed.append(Embed(ref, here.id if here is not None and here.id not in moved_ids else None))
    kept = moved_ids | {item.id for item in embed if item.id is not None}
    renamed = sum(1 for path, item in same_bytes.items() if item.picture.path != path)
    return Plan(
        embed=embed,
        relabel=relabel,
        remove=sorted(item.id for item in open_known.values() if item.id not in kept),
        unchanged=len(found) - len(embed) - renamed,
        renamed=renamed,
    )


def with_ids_from(plan: Plan, identities: Plan, known: Iterable[Known]) -> Plan:
    """The same plan, where new pictures get the ids that `identities`, a plan over `known`, has for their paths.

    A rebuild starts from nothing but must not rename what callers know by id.
    """
    ids = {item.picture.path: item.id for item in known}
    ids.update({item.picture.path: item.id for item in identities.relabel})
    ids.update({item.ref.path: item.id for item in identities.embed if item.id is not None})
    given = {item.ref.path for item in identities.embed if item.id is None}
    return replace(
        plan,
        embed=[
            item if item.id is not None or item.ref.path in given else replace(item, id=ids.get(item.ref.path))
            for item in plan.embed
        ],
    )


def with_metadata(
    plan: Plan,
    known: Sequence[Known],
    replaced: Sequence[Known],
    found: Sequence[ImageRef],
    said: Mapping[str, Mapping[str, MetaValue]] | None,
) -> Plan:
    """The same plan, where every picture found gets what a metadata file says about its path.

    Without a file (`said` is None) each keeps what the index has; a rebuild takes that from what it replaces.
    """
    if said is None:
        had = {item.id: item.picture.meta for item in [*known, *replaced]}
        return replace(plan, embed=[replace(item, meta=had.get(item.id or 0, {})) for item in plan.embed])
    relabel = [
        replace(item, picture=replace(item.picture, meta=said.get(item.picture.path, {}))) for item in plan.relabel
    ]
    planned = {item.id for item in relabel} | {item.id for item in plan.embed} | set(plan.remove)
    paths = {ref.path for ref in found}
    for item in known:
        meta = said.get(item.picture.path, {})
        if item.id not in planned and item.picture.path in paths and not _is_same(meta, item.picture.meta):
            relabel.append(replace(item, picture=replace(item.picture, meta=meta)))
    embed = [replace(item, meta=said.get(item.ref.path, {})) for item in plan.embed]
    return replace(plan, embed=embed, relabel=relabel)


def _is_same(first: Mapping[str, MetaValue], second: Mapping[str, MetaValue]) -> bool:
    """Alike in values and kinds: 1 and true are equal, but not the same."""
    kinds = [{name: type(value) for name, value in one.items()} for one in (first, second)]
    return first == second and kinds[0] == kinds[1]


def _is_unchanged(ref: ImageRef, item: Known | None) -> bool:
    """Size and time decide, as in git and rsync: reading every byte again would cost more than embedding saves.

    Where the source has a version, such as an ETag, that stands in place of the time.
    """
    if item is None or ref.version != item.picture.version:
        return False
    same_size = ref.size_bytes in {item.picture.size_bytes, UNKNOWN_SIZE}
    return same_size and (ref.version != "" or ref.mtime_ns == item.picture.mtime_ns)


def _match_contents(
    files: Sequence[ImageRef], open_known: dict[str, Known], hash_file: Callable[[ImageRef], str | None]
) -> dict[str, Known]:
    """Path of a found file -> the known picture with its bytes; each is given away once, to its own path first."""
    sizes = {item.picture.size_bytes for item in open_known.values()}
    if sizes:
        sizes.add(UNKNOWN_SIZE)
    hashes = {ref.path: hash_file(ref) for ref in files if ref.size_bytes in sizes}
    free = dict(sorted(open_known.items()))
    matched: dict[str, Known] = {}
    for path, content_hash in hashes.items():
        if content_hash is not None and path in free and free[path].picture.content_hash == content_hash:
            matched[path] = free.pop(path)
    by_hash: dict[str, list[Known]] = {}
    for item in reversed(free.values()):
        by_hash.setdefault(item.picture.content_hash, []).append(item)
    for path, content_hash in hashes.items():
        if content_hash is not None and path not in matched and by_hash.get(content_hash):
            matched[path] = by_hash[content_hash].pop()
    return matched
