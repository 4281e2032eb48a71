"""`labels`: label files as TREC topics and qrels, for `evaluate`, `train adapter` and other programs."""

import argparse
from pathlib import Path

from search_app.cli.options import Subparsers
from search_app.errors import EvaluationError
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.label_folder import read_label_folder
from search_app.settings import load_settings
from search_app.wiring_index import open_store


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "labels",
        help="write label files as TREC topics and qrels",
        description="Write topics.tsv and qrels.txt of each kind of label in FOLDER into OUT/categories, "
        "OUT/statements and OUT/slices, as far as they are about pictures in the collection. No model is needed.",
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="Topics.json, Topics_List.txt, statements")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder the files are written to")
    parser.add_argument("--collection", help="collection to use (SEARCH_COLLECTION)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write what there is."""
    reader = open_store(load_settings(collection=arguments.collection)).reader()
    try:
        images = {known.picture.path for known in reader.scan()}
    finally:
        reader.close()
    labels = read_label_folder(arguments.folder, images)
    found = {"categories": labels.categories, "statements": labels.statements}
    if labels.slices:
        found["slices"] = JudgedQueries(labels.slices.topics, labels.slices.qrels)
    for name, queries in found.items():
        if queries is None:
            continue
        try:
            queries.write(arguments.out / name)
        except OSError as error:
            raise EvaluationError(f"{arguments.out / name}: cannot be written: {error.strerror}") from error
        print(f"{arguments.out / name}: {len(queries.topics)} queries")
    return 0
