"""What each channel says of every picture of a labelled collection, for trials of fusion and relevance."""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from search_app.cli.index import run as run_index
from search_app.cli.program import build_parser
from search_app.datatypes import SparseVector, VectorQuery
from search_app.evaluation.label_folder import CollectionLabels, read_label_folder
from search_app.evaluation.runner import EvaluationOptions
from search_app.evaluation.suite import Suite, build_suite
from search_app.evaluation.trec import Ranking
from search_app.search.asking import Asking
from search_app.search.background import Background, read_background
from search_app.search.fusion import Scores
from search_app.search.pool import Question
from search_app.search.query import SearchQuery, Term
from search_app.search.ranked import unknown_share
from search_app.search.service import SearchService
from search_app.settings import load_settings
from search_app.wiring import open_service

MODEL = "lite"
CHANNELS = ("image", "meaning", "form")


@dataclass(frozen=True)
class Channels:
    """Scores of some queries, a row each, over all pictures of a collection."""

    paths: Sequence[str]
    rows: Mapping[str, int]
    """Query to its row."""
    standing: Mapping[str, Scores]
    """z of the dense channels, shape (queries, pictures); NaN where a picture has no words."""
    cosines: Mapping[str, Scores]
    """Of the dense channels, as z is made of them."""
    form: Scores
    """BM25."""
    unknown: Scores
    """Shape (queries,): see `unknown_share`."""
    sizes: Mapping[str, int]
    """Pictures in each dense channel."""


@contextmanager
def indexed(folder: Path, place: Path) -> Iterator[SearchService]:
    """A service over `folder`, indexed with its words in `place` where it is not yet."""
    os.environ.update(SEARCH_MODEL=MODEL, SEARCH_INDEX_DIR=str(place))
    command = ["index", str(folder)]
    run_index(build_parser(command).parse_args(command))
    service = open_service(load_settings())
    try:
        yield service
    finally:
        service.close()


@contextmanager
def asked_ads(description: str | None) -> Iterator[tuple[Path, SearchService]]:
    """The folder of the ads that the command line names, and a service over their pictures."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("--index", type=Path, help="where their index lies or is to lie; default: for this run only")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as place,
        indexed(arguments.ads / "images", arguments.index or Path(place)) as service,
    ):
        yield arguments.ads, service


@dataclass(frozen=True)
class AskedSuite:
    """The ads, all that their labels ask, and what every channel says to it."""

    service: SearchService
    labels: CollectionLabels
    suite: Suite
    channels: Channels


@contextmanager
def asked_suite(description: str | None) -> Iterator[AskedSuite]:
    """Ask the ads that the command line names all that their labels allow."""
    with asked_ads(description) as (ads, service):
        images = set(service.paths().values())
        labels = read_label_folder(ads, images)
        suite = build_suite(labels, images, EvaluationOptions(depth=len(images), indexed=images))
        yield AskedSuite(service, labels, suite, read_channels(service, list(_texts_of(suite))))


def _texts_of(suite: Suite) -> dict[str, None]:
    """Everything the suite asks, once each."""
    seen: dict[str, None] = {}

    def search(texts: Sequence[str], _depth: int) -> list[Ranking]:
        seen.update(dict.fromkeys(texts))
        return [Ranking([], np.empty(0)) for _ in texts]

    for part in suite.parts:
        part.evaluate(search, replace(suite.options, model="nobody"))
    return seen


def read_channels(service: SearchService, texts: Sequence[str]) -> Channels:
    """Ask every channel about every picture."""
    return _read(service, {text: SearchQuery(text, words="fused", understand=False) for text in texts})


def read_pictures(service: SearchService, ids: Sequence[int]) -> Channels:
    """The same with pictures of the index as queries, named by their ids."""
    return _read(service, {str(number): SearchQuery(terms=(Term(id=number),), words="off") for number in ids})


def _read(service: SearchService, queries: Mapping[str, SearchQuery]) -> Channels:
    manifest, reader = service.reader.manifest(), service.reader
    background, asking = read_background(reader, manifest), Asking(service.queries, reader, manifest)
    paths = service.paths()
    ids = np.array(sorted(paths), np.int64)
    shape = (len(queries), len(ids))
    standing = {name: np.full(shape, np.nan) for name in ("image", "meaning")}
    cosines = {name: np.full(shape, np.nan) for name in ("image", "meaning")}
    form, unknown = np.zeros(shape), np.zeros(len(queries))
    for row, (text, query) in enumerate(queries.items()):
        for question in asking.ask(query).questions:
            scores = _scores(service, question, ids)
            if question.channel == "form":
                form[row] = scores
            else:
                cosines[question.channel][row] = scores
                standing[question.channel][row] = _standing(background, question, scores)
        unknown[row] = unknown_share(text if query.text else "", background)
    rows = {text: row for row, text in enumerate(queries)}
    names = [paths[number] for number in ids.tolist()]
    sizes = {name: background.size(name) for name in ("image", "meaning")}
    return Channels(names, rows, standing, cosines, form, unknown, sizes)


def _scores(service: SearchService, question: Question, ids: np.ndarray) -> Scores:
    [found] = service.reader.search([VectorQuery(question.vector, len(ids), exact=True, channel=question.channel)])
    scores = np.full(len(ids), 0.0 if question.channel == "form" else np.nan)
    scores[np.searchsorted(ids, found.ids)] = found.scores
    return scores


def _standing(background: Background, question: Question, scores: Scores) -> Scores:
    if question.channel == "form" or isinstance(question.vector, SparseVector):
        raise TypeError("the channel form has no z")
    return background.standing(question.channel, question.vector)(scores)
