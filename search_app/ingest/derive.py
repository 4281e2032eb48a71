"""Fill an index from the stored vectors of another one: an adapted model needs no picture to be opened again."""

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from search_app.datatypes import EncoderSpec, FloatMatrix, Known, Manifest, Point, WordsPoint, WordsSpec
from search_app.encoders.base import Encoder
from search_app.errors import IndexDamaged, IngestError, ModelMismatch
from search_app.index.base import IndexReader, IndexStore, IndexWriter
from search_app.ingest.report import IngestReport, Progress
from search_app.words.bm25 import sparse_document

AT_ONCE = 1000


class DerivedEncoder(Encoder, Protocol):
    """An encoder whose picture vectors can be made from those of another one."""

    @property
    def base_spec(self) -> EncoderSpec:
        """The other one."""
        ...

    def derive_images(self, vectors: FloatMatrix) -> FloatMatrix:
        """From vectors of the base, (n, dim), to vectors of this encoder, unit rows."""
        ...


def run_derive(
    source: IndexReader, encoder: DerivedEncoder, store: IndexStore, progress: Progress, *, rebuild: bool = False
) -> IngestReport:
    """Make the collection of `store` hold the pictures of `source` under the same ids, with vectors of `encoder`.

    The words of the pictures are copied too. Pictures that are there already cost nothing, and what was stored before
    an interruption is not stored again. Nothing is seen before all of it is there. Raises `ModelMismatch` where
    `source` was not made by the encoder's base, and `IngestError` where it changed meanwhile.
    """
    started = time.perf_counter()
    manifest = source.manifest()
    _require_base(manifest, encoder)
    wanted = {known.id: known for known in source.scan()}
    with store.writer(encoder.spec, manifest.folder, rebuild=rebuild) as writer:
        known = {item.id: item for item in writer.scan()}
        fresh = [item for item in wanted.values() if not _same_content(item, known)]
        kept = [item for item in wanted.values() if _same_content(item, known)]
        moved = [item for item in kept if item.picture != known[item.id].picture]
        gone = sorted(known.keys() - wanted.keys())
        writer.update_pictures(moved)
        writer.delete(gone)
        _copy(source, encoder, writer, fresh, progress)
        if manifest.words_fingerprint:
            writer.open_words(WordsSpec(manifest.words_fingerprint, manifest.words_dim))
            _copy_words(source, writer, [item for item in wanted.values() if item.words_by])
        if source.manifest().generation != manifest.generation:
            raise IngestError(f"collection {manifest.collection!r} changed while it was read: run this again")
        made = writer.commit(final=True)
    renamed = sum(item.picture.path != known[item.id].picture.path for item in moved)
    return IngestReport(
        folder=manifest.folder,
        collection=made.collection,
        model=made.model,
        device=encoder.spec.device,
        indexed=len(fresh),
        unchanged=len(kept) - renamed,
        renamed=renamed,
        removed=len(gone),
        skipped=(),
        seconds=time.perf_counter() - started,
        total=made.count,
    )


def _require_base(manifest: Manifest, encoder: DerivedEncoder) -> None:
    base = encoder.base_spec
    if manifest.fingerprint != base.fingerprint:
        raise ModelMismatch(
            f"collection {manifest.collection!r} was made by {manifest.model} ({manifest.fingerprint}), but "
            f"{encoder.spec.name} is made from {base.name} ({base.fingerprint}): index the folder with that one first"
        )


def _copy(
    source: IndexReader, encoder: DerivedEncoder, writer: IndexWriter, fresh: Sequence[Known], progress: Progress
) -> None:
    progress(0, len(fresh), 0)
    done = 0
    for items in _batches(fresh):
        found = source.vectors([item.id for item in items])
        missing = [item.picture.path for item in items if item.id not in found]
        if missing:
            raise IndexDamaged(f"{missing[0]} has no vector where it is to come from: index the folder again")
        vectors = encoder.derive_images(np.stack([found[item.id] for item in items]).astype(np.float32))
        writer.upsert([Point(item.id, row, item.picture) for item, row in zip(items, vectors, strict=True)])
        done += len(items)
        progress(done, len(fresh), 0)


def _copy_words(source: IndexReader, writer: IndexWriter, items: Sequence[Known]) -> None:
    """Copy the words that are not there or are others; their sparse vectors are made again, which needs no model."""
    for part in _batches(items):
        ids = [item.id for item in part]
        words, there = source.words(ids), writer.words(ids)
        other = [number for number, found in words.items() if there.get(number) != found]
        meanings = source.vectors(other, "meaning")
        writer.update_words([WordsPoint(n, words[n], meanings.get(n), sparse_document(words[n].text)) for n in other])


def _batches(items: Sequence[Known]) -> Iterator[Sequence[Known]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


def _same_content(item: Known, known: dict[int, Known]) -> bool:
    here = known.get(item.id)
    return here is not None and here.picture.content_hash == item.picture.content_hash
