"""`search "red car"`: answers in the terminal."""

import argparse
import json

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.search.query import SearchQuery
from search_app.wiring import open_service


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser("search", help="answer a query in the terminal")
    parser.add_argument("query", help="what the pictures should show, in words")
    parser.add_argument("-k", "--limit", type=int, default=5, help="number of hits (default 5)")
    parser.add_argument("--min-score", type=float, help="leave out hits below this cosine similarity")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search and print, best first; 1 when nothing was found."""
    service = open_service(settings_from(arguments))
    try:
        query = SearchQuery(arguments.query, limit=arguments.limit, min_score=arguments.min_score)
        hits = service.search(query).hits
    finally:
        service.close()
    if arguments.json:
        print(json.dumps([{"id": hit.id, "score": hit.score, "path": hit.path} for hit in hits], ensure_ascii=False))
    else:
        for rank, hit in enumerate(hits, 1):
            print(f"{rank:3}  {hit.score:.4f}  {hit.id:>7}  {hit.path}")
    return 0 if hits else 1
