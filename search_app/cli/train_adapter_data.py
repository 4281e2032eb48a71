"""What `train adapter` learns from and watches: labels from files and from judgements, vectors from the index."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_app.cli.progress import TerminalProgress
from search_app.datatypes import EncoderSpec, FloatMatrix
from search_app.encoders.base import Encoder
from search_app.errors import TrainingError
from search_app.evaluation.trec import read_qrels, read_topics
from search_app.index.base import IndexReader
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.reports import LabelsWanted, stored_labels
from search_app.settings import Settings
from search_app.wiring import open_encoder, open_judgements

if TYPE_CHECKING:
    from search_app.training.adapter.fit import AdapterData
    from search_app.training.adapter.labels import Labels, LabelSource
    from search_app.training.adapter.validate import Guard

TEXTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All that a training needs; nothing is open any more."""

    base: EncoderSpec
    labels: "Labels"
    data: "AdapterData"
    guard: "Guard"
    guarded: tuple[str, ...]
    """The group of each watched query."""
    described: str
    """For the card."""


def gather(arguments: argparse.Namespace, settings: Settings, reader: IndexReader) -> Material:
    """Read everything; raises `TrainingError` and others before anything slow is done."""
    from search_app.training.adapter.fit import AdapterData, read_neutral
    from search_app.training.adapter.labels import Labels, without
    from search_app.training.adapter.validate import Guard
    from search_app.training.adapter.vectors import StoredVectors

    sources = list(_sources(arguments, settings, reader))
    encoder = open_encoder(settings)
    try:
        stored = StoredVectors.read(reader, encoder.spec)
        labels = Labels.of(sources, stored.rows)
        labels.require_enough()
        texts, guarded, rows = _watched(arguments, stored.rows)
        phrases = without(read_neutral(), labels.texts)
        vectors = _encode(encoder, [*labels.texts, *phrases, *texts])
        spec = encoder.spec
    finally:
        encoder.close()
    ends = np.cumsum([len(labels.texts), len(phrases)])
    known, neutral, watched = np.split(vectors, ends)
    data = AdapterData(known, stored.vectors, labels.relevance, labels.judged, labels.groups, neutral)
    names = ", ".join(source.origin for source in sources)
    described = (
        f"{names}: {len(labels.texts)} texts in {len(set(labels.groups))} groups with the same relevant pictures, "
        f"{int(labels.judged.any(axis=0).sum())} labelled of {len(stored.rows)} pictures"
    )
    return Material(spec, labels, data, Guard(watched, rows), guarded, described)


def _sources(arguments: argparse.Namespace, settings: Settings, reader: IndexReader) -> "Iterator[LabelSource]":
    from search_app.training.adapter.labels import LabelSource, read_pairs

    if arguments.topics is not None:
        yield _trec(arguments.topics, arguments.qrels)
    if arguments.pairs is not None:
        yield read_pairs(arguments.pairs)
    if arguments.judgements:
        store, pictures = open_judgements(settings), IndexedPictures.of(reader.scan())
        made = [
            LabelSource(f"judgements ({kind})", found.topics, found.grades)
            for kind in ("grade", "category")
            if (found := stored_labels(store, LabelsWanted(source="all", kind=kind), pictures.locate)).grades
        ]
        if not made:
            raise TrainingError(f"{store.database.path}: nothing was judged yet: judge answers at /judge")
        yield from made


def _trec(topics: Path, qrels: Path) -> "LabelSource":
    from search_app.training.adapter.labels import LabelSource

    return LabelSource(qrels.name, read_topics(topics), read_qrels(qrels).grades)


def _watched(arguments: argparse.Namespace, rows: Mapping[str, int]) -> "tuple[list[str], tuple[str, ...], np.ndarray]":
    """Text, group and row of the picture of each watched query; one with several pictures counts several times."""
    from search_app.training.adapter.labels import Labels

    if arguments.guard_topics is None:
        return [], (), np.zeros(0, np.int64)
    labels = Labels.of([_trec(arguments.guard_topics, arguments.guard_qrels)], rows)
    queries, places = labels.answers()
    return [labels.texts[q] for q in queries], tuple(labels.groups[q] for q in queries), places


def _encode(encoder: Encoder, texts: Sequence[str]) -> FloatMatrix:
    vectors = []
    with TerminalProgress("encoding", "texts") as progress:
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            vectors.append(encoder.encode_texts(texts[start : start + TEXTS_AT_ONCE]))
            progress(min(start + TEXTS_AT_ONCE, len(texts)), len(texts))
    return np.concatenate(vectors)
