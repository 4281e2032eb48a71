"""Reads the words of a folder with a reader that dies of pictures of one colour. Arguments: folder, index, notes."""

import sys
from contextlib import closing
from functools import partial
from pathlib import Path

from search_app.encoders.stub import StubEncoder
from search_app.index.edge.store import EdgeStore
from search_app.ingest.engine import IngestOptions
from search_app.ingest.pipeline import run_ingest
from search_app.ingest.words_noted import NotedWords
from search_app.ingest.words_pass import WordsParts, run_words
from search_app.words.store import WordStore
from tests.chaos.world import ColourSentences, ignore
from tests.ingest.ray_encoder import DeadlyReader

if __name__ == "__main__":
    folder, index_dir, notes = map(Path, sys.argv[1:])
    encoder, store = StubEncoder(), EdgeStore(index_dir, "images")
    run_ingest(folder, encoder, store, IngestOptions(10**6), ignore)
    engine = partial(NotedWords, notes=notes, open_reader=DeadlyReader)
    words = WordStore(index_dir / "words")
    with closing(WordsParts(DeadlyReader(), ColourSentences(), words, workers=2, make_engine=engine)) as parts:
        report = run_words(folder, parts, encoder.spec, store, ignore)
    for failed in report.failed:
        sys.stdout.write(f"{failed.path!a}: {failed.reason}\n")
    sys.stdout.write(f"{report.read} read, {report.with_words} with words\n")
