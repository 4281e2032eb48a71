"""`python -m benchmarks.words ADS [CACHE]`: how well and how fast the words printed in pictures are read.

ADS holds `images/`, the ads' label files and, to compare with, `ocr_tesseract.json` (path to text). What was read is
kept in the folder CACHE (default: thrown away), where a second run finds it; the time is that of the pictures read now.

With `--beside-plain N` nothing is done but to read N of the pictures, each in turn by this reader and by `RapidOCR()`
as it comes, one thread each, and to compare processor time and words found.
"""

import argparse
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from search_app.datatypes import PrintedWords
from search_app.encoders.base import SentenceEncoder
from search_app.encoders.lite_manifest import MODEL_FOLDER
from search_app.evaluation.ads import JudgedQueries, read_labels, statement_queries
from search_app.evaluation.baselines import words_search
from search_app.evaluation.measures import parse_measures
from search_app.evaluation.runner import EvaluationOptions, Search, evaluate
from search_app.evaluation.trec import Ranking
from search_app.images.decode import decode_bytes
from search_app.images.scan import scan_images
from search_app.ingest.words import MAX_PIXELS, read_collection_words
from search_app.wiring import open_sentences, open_word_reader
from search_app.words.reading_order import largest_first
from search_app.words.store import WordStore
from search_app.words.tokens import tokenize

MEASURES = parse_measures("R@1 R@5 R@10")


def main() -> int:
    """Read, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("cache", type=Path, nargs="?", help="folder that keeps what was read")
    parser.add_argument("--beside-plain", type=int, default=0, metavar="N", help="compare with rapidocr's own loop")
    arguments = parser.parse_args()
    if arguments.beside_plain:
        beside_plain(arguments.ads / "images", arguments.beside_plain)
        return 0
    with tempfile.TemporaryDirectory() as place:
        read = read_words(arguments.ads / "images", arguments.cache or Path(place))
    texts = {"rapidocr": {path: largest_first(words.words) for path, words in read.items()}}
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


def beside_plain(folder: Path, count: int) -> None:
    """Print processor time a picture, and English words (those MiniLM's vocabulary has whole), of both ways."""
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    plain, ours = RapidOCR(params={"Global.log_level": "critical", **threads}), open_word_reader()
    ways: dict[str, Callable[[Path], str]] = {
        "plain": lambda path: "\n".join(getattr(plain(str(path)), "txts", None) or ()),
        "ours": lambda path: ours.read(decode_bytes(path.read_bytes(), max_pixels=MAX_PIXELS).image).text,
    }
    vocabulary = json.loads((MODEL_FOLDER / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    english = {word for word in vocabulary if re.fullmatch("[a-z]{3,}", word)}
    found = [folder / ref.path for ref in scan_images(folder).found]
    paths = found[:: max(1, len(found) // count)][:count]
    seconds, words = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    for number, path in enumerate([paths[0], *paths]):  # the first loads the models and is not counted
        for name in list(ways) if number % 2 else list(reversed(ways)):
            began = time.process_time()
            text = ways[name](path)
            if number:
                seconds[name] += time.process_time() - began
                words[name] += sum(term in english for term in tokenize(text))
    for name in ways:
        print(f"{name}: {seconds[name] / len(paths):.3f} s of processor time a picture, {words[name]} English words")
    print(f"{seconds['plain'] / seconds['ours']:.2f} times as fast over {len(paths)} pictures")


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
