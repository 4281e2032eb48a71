"""The manifest: what made a collection, written beside it and checked whenever it is opened."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from search_app import __version__
from search_app.datatypes import EncoderSpec, Manifest, WordsSpec
from search_app.errors import IndexDamaged, ModelMismatch, VectorIndexError
from search_app.index.files import DIGEST, digest_of, write_object

SCHEMA_VERSION = 1
_DELTA_VERSION = 2
"""Of the record of a delta: a program that knows of none refuses it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A manifest and what an embedded generation needs beside it."""

    manifest: Manifest
    base: int = 0
    """The generation this one was begun from; 0 where there was none."""
    rebuilt: bool = False
    """True when it was begun empty although there was a base."""
    final: bool = False
    """True when it has its search graph and its export."""
    sample: tuple[tuple[int, str], ...] = ()
    """Some (id, content hash) pairs that must be found again when the generation is opened."""
    export: Mapping[str, str] = field(default_factory=dict)
    """BLAKE2b of each file of the export, by file name; empty where there is none."""
    sealed: bool = False
    """True when checksums of the shard lie in it; those of the first version have none."""
    boot: str = ""
    """`files.boot_id` when it was begun."""
    folder: str = ""
    """The folder of the run that began it: what it says is that of the commit before until it is committed."""
    whole: int = 0
    """The generation that this one is a delta of (`index.edge.deltas`); 0 where it is whole itself."""
    removed: tuple[int, ...] = ()
    """Of a delta: the points of the whole generation that are gone."""


def fresh_manifest(collection: str, spec: EncoderSpec, folder: str, previous: Manifest | None = None) -> Manifest:
    """The manifest of a collection about to be filled; ids and generations go on from `previous`."""
    return Manifest(
        collection=collection,
        model=spec.name,
        fingerprint=spec.fingerprint,
        dim=spec.dim,
        folder=folder,
        next_id=previous.next_id if previous else 1,
        generation=previous.generation if previous else 0,
        schema_version=SCHEMA_VERSION,
    )


def check_model(manifest: Manifest, spec: EncoderSpec) -> None:
    """Raise `ModelMismatch` unless `spec` makes the vectors that this collection holds."""
    if (manifest.fingerprint, manifest.dim) == (spec.fingerprint, spec.dim):
        return
    made_by = f"model {manifest.model} ({manifest.dim} dimensions, fingerprint {manifest.fingerprint[:12]})"
    asked = f"{spec.name} ({spec.dim} dimensions, fingerprint {spec.fingerprint[:12]})"
    same_name = (
        "the name is the same but its weights, preprocessing or tokenizer are not; "
        if manifest.model == spec.name
        else f"set SEARCH_MODEL={manifest.model} to go on with it, or "
    )
    raise ModelMismatch(
        f"collection {manifest.collection!r} was made by {made_by}, now {asked} is asked for: "
        f"{same_name}choose another SEARCH_COLLECTION, or embed everything again with "
        f"`python -m search_app index FOLDER --rebuild`"
    )


_MANIFEST = [one.name for one in fields(Manifest)]
_LATER = {"words_fingerprint", "words_dim", "made_with", "committed_at"}
"""Fields of a manifest that came after its first version: what was written before them stays readable."""


def record_to_json(record: Record) -> dict[str, object]:
    """The JSON object of a record."""
    delta = {"schema_version": _DELTA_VERSION, "whole": record.whole, "removed": [*record.removed]}
    return asdict(record.manifest) | {
        "base": record.base,
        "rebuilt": record.rebuilt,
        "final": record.final,
        "sample": [list(pair) for pair in record.sample],
        "export": dict(record.export),
        "sealed": record.sealed,
        "boot": record.boot,
        "run_folder": record.folder,
        "program": __version__,
        **(delta if record.whole else {}),
    }


def record_from_json(data: Mapping[str, Any], origin: str) -> Record:
    """Read a record's JSON object, ignoring fields it does not know; `origin` says where it was found.

    Raises `VectorIndexError` for another schema version and `IndexDamaged` for what is no record.
    """
    version = data.get("schema_version")
    if version not in {SCHEMA_VERSION, _DELTA_VERSION}:
        raise VectorIndexError(
            f"{origin} has schema version {version}, this program reads {SCHEMA_VERSION} and {_DELTA_VERSION}: use the "
            f"program that wrote it (version {data.get('program', 'unknown')}), or choose another SEARCH_COLLECTION "
            f"and index the folder again"
        )
    try:
        return Record(
            manifest=Manifest(**_manifest_fields(data)),
            base=int(data["base"]),
            rebuilt=bool(data["rebuilt"]),
            final=bool(data["final"]),
            sample=tuple((int(number), str(content_hash)) for number, content_hash in data["sample"]),
            export={str(name): str(digest) for name, digest in data["export"].items()},
            sealed=bool(data.get("sealed")),
            boot=str(data.get("boot", "")),
            folder=str(data.get("run_folder", "")),
            whole=int(data.get("whole", 0)),
            removed=tuple(map(int, data.get("removed", ()))),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IndexDamaged(
            f"{origin} is no complete manifest ({type(error).__name__}: {error}): restore it from a backup, or "
            f"choose another SEARCH_COLLECTION and index the folder again"
        ) from None


def _manifest_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    there = {name: data[name] for name in _MANIFEST if name in data or name not in _LATER}
    return there | {"schema_version": SCHEMA_VERSION}


def write_record(path: Path, record: Record) -> None:
    """Write `record` so that after a crash either the old or the new content is there, whole."""
    write_object(path, record_to_json(record))


def read_record(path: Path) -> Record:
    """Read what `write_record` wrote; raises `IndexDamaged` also when the file is missing, or is not as it was written.

    The first version wrote no digest.
    """
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from None
    if isinstance(data, dict) and data.get(DIGEST, digest_of(data)) != digest_of(data):
        raise _unreadable(path, "it is not what was written")
    return record_from_json(data if isinstance(data, dict) else {}, str(path))


def _unreadable(path: Path, why: str) -> IndexDamaged:
    return IndexDamaged(
        f"{path} cannot be read ({why}): restore it from a backup, or remove {path.parent.parent} and index the folder "
        f"again"
    )


def resumes(half_done: Record, base: Manifest | None, spec: EncoderSpec, folder: str, *, rebuild: bool) -> bool:
    """Whether an interrupted run's work is a start for this run: same base, same kind, same model, same folder."""
    made_by = (half_done.manifest.fingerprint, half_done.manifest.dim)
    return (
        half_done.folder == folder
        and half_done.base == (base.generation if base else 0)
        and half_done.rebuilt == (rebuild and base is not None)
        and made_by == (spec.fingerprint, spec.dim)
    )


def grown(manifest: Manifest, highest_id: int) -> Manifest:
    """The manifest with its high-water mark above `highest_id`; it never goes down."""
    return replace(manifest, next_id=max(manifest.next_id, highest_id + 1))


def holds(manifest: Manifest, spec: WordsSpec) -> bool:
    """Whether the words of a collection are those that `spec` reads."""
    return (manifest.words_fingerprint, manifest.words_dim) == (spec.fingerprint, spec.dim)


def with_words(manifest: Manifest, spec: WordsSpec) -> Manifest:
    """The manifest of a collection whose words `spec` reads; an empty fingerprint while channels are made anew."""
    return replace(manifest, words_fingerprint=spec.fingerprint, words_dim=spec.dim)
