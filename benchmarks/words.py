"""`python -m benchmarks.words ADS [CACHE]`: how well and how fast the words printed in pictures are read.

ADS holds `images/`, the ads' label files and, to compare with, `ocr_tesseract.json` (path to text). What was read is
kept in the folder CACHE (default: thrown away), where a second run finds it; the time is that of the pictures read now.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from search_app.datatypes import PrintedWords
from search_app.encoders.base import SentenceEncoder
from search_app.evaluation.ads import JudgedQueries, read_labels, statement_queries
from search_app.evaluation.baselines import words_search
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.runner import EvaluationOptions, Search, evaluate
from search_app.evaluation.trec import Ranking
from search_app.images.scan import scan_images
from search_app.ingest.words import read_collection_words
from search_app.wiring import open_sentences, open_word_reader
from search_app.words.store import WordStore
from search_app.words.tokens import tokenize

MEASURES = parse_measures("R@1 R@5 R@10")


def main() -> int:
    """Read, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("cache", type=Path, nargs="?", help="folder that keeps what was read")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        read = read_words(arguments.ads / "images", arguments.cache or Path(place))
    texts = {"rapidocr": {path: words.text for path, words in read.items()}}
    compared = arguments.ads / "ocr_tesseract.json"
    if compared.is_file():
        found = json.loads(compared.read_text("utf-8"))
        texts["tesseract"] = {path: found.get(path, "") for path in read}
    queries = statement_queries(read_labels(arguments.ads / "QA_test_statements.json"), [*read])
    print(f"{len(read)} pictures, {len(queries.topics)} statements")
    sentences = open_sentences()
    for reader, documents in texts.items():
        lengths = [len(tokenize(text)) for text in documents.values()]
        filled = np.count_nonzero(lengths)
        print(f"{reader}: words in {filled} pictures, {sum(lengths) / filled:.0f} terms each")
        for channel, search in searches(documents, sentences).items():
            print(f"| {reader} | {channel} | {' | '.join(measured(search, queries))} |")
    return 0


def read_words(folder: Path, cache: Path) -> Mapping[str, PrintedWords]:
    """The words of every picture, and on the terminal what it cost."""
    paths = [ref.path for ref in scan_images(folder).found]
    store = WordStore(cache)
    began, worked = time.perf_counter(), time.process_time()
    read = read_collection_words(folder, paths, open_word_reader(), store, lambda *_: None)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    store.close()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    if read.read:
        rate = f"{read.read / took:.2f} pictures a second, {worked / read.read:.2f} s of processor time each"
        print(f"{read.read} pictures read in {took:.0f} s: {rate} ({machine})")
    for path, reason in read.failed.items():
        print(f"not read: {path}: {reason}")
    return read.words


def searches(documents: Mapping[str, str], sentences: SentenceEncoder) -> dict[str, Search]:
    """Both channels over the same texts."""
    return {"form (BM25)": words_search(documents), "meaning (MiniLM)": meaning_search(documents, sentences)}


def meaning_search(documents: Mapping[str, str], sentences: SentenceEncoder) -> Search:
    """By the cosine of sentence vectors; pictures without words are never found."""
    paths = [path for path, text in sorted(documents.items()) if tokenize(text)]
    rows = sentences.encode_sentences([documents[path] for path in paths])

    def search(texts: Sequence[str], depth: int) -> list[Ranking]:
        scores = sentences.encode_sentences(texts) @ rows.T
        orders = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        return [Ranking([paths[at] for at in order], row[order]) for order, row in zip(orders, scores, strict=True)]

    return search


def measured(search: Search, queries: JudgedQueries) -> list[str]:
    """Each measure with its interval; the statements of one picture are drawn together."""
    clusters = {qid: next(iter(grades)) for qid, grades in queries.qrels.grades.items()}
    options = EvaluationOptions(depth=10, clusters=clusters)
    report = evaluate(search, queries.topics, queries.qrels, MEASURES, options)
    return [f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})" for each in report.measures.values()]


if __name__ == "__main__":
    raise SystemExit(main())
