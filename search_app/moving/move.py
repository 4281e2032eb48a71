"""A collection from where it is to where it shall be: copied, verified, and only then shown to readers."""

from collections.abc import Callable
from dataclasses import dataclass

from search_app.datatypes import EncoderSpec, Manifest, WordsSpec
from search_app.errors import MovingError, NoIndexYet
from search_app.index.base import IndexStore
from search_app.index.pinned import PinnedIndex
from search_app.moving.canonical import ROUNDING, Tolerance
from search_app.moving.copying import Progress, copy_points
from search_app.moving.verifying import Verified, verify

Steps = Callable[[str], Progress]
"""Gives what shows the progress of a step, by the name of the step."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did."""

    manifest: Manifest
    """Of the target, as readers see it now."""
    kept: int
    """Points that an interrupted move had brought there before."""
    written: int
    removed: int
    verified: Verified


@dataclass(frozen=True, slots=True)
class MoveOptions:
    """What is said about the target."""

    folder: str = ""
    """Noted instead of the source's, for pictures that lie elsewhere now."""
    replace: bool = False
    """Whether a collection that is there is replaced."""
    allowed: Tolerance = ROUNDING


DEFAULT = MoveOptions()


def move(source: PinnedIndex, target: IndexStore, steps: Steps, options: MoveOptions = DEFAULT) -> Moved:
    """Make `target` the collection that `source` is: points, ids, words, high-water mark of ids, and folder.

    Goes on with what an interrupted move left. Raises `MovingError` where the target is there and not to be replaced,
    and where the copy is not equal; nothing is shown to readers then.
    """
    manifest = source.manifest
    rebuild = refuse_unless_free(target, replace=options.replace)
    spec = EncoderSpec(manifest.model, manifest.dim, manifest.fingerprint, (0, 0))
    with target.writer(spec, options.folder or manifest.folder, rebuild=rebuild) as writer:
        if manifest.words_fingerprint:
            writer.open_words(WordsSpec(manifest.words_fingerprint, manifest.words_dim))
        copied = copy_points(source.points(), manifest.count, writer, steps("copying"), options.allowed)
        if copied.seen != manifest.count:
            held = f"that it holds {manifest.count} points and gave {copied.seen}"
            raise MovingError(f"the source says {held}: it is damaged, or was changed; nothing was shown to readers")
        verified = verify(source.points(), writer, copied, steps("comparing"), options.allowed)
        writer.reserve(manifest.next_id)
        shown = writer.commit()
    return Moved(shown, copied.kept, copied.written, copied.removed, verified)


def refuse_unless_free(target: IndexStore, *, replace: bool) -> bool:
    """Whether there is a collection to be replaced; raises `MovingError` where there is one that is not."""
    reader = target.reader()
    try:
        there = reader.manifest()
    except NoIndexYet:
        return False
    finally:
        reader.close()
    if replace:
        return True
    raise MovingError(
        f"collection {there.collection!r} is there already and holds {there.count} pictures (model {there.model}): "
        f"name another one, or add --replace"
    )
