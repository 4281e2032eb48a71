"""`search "red car"`: answers in the terminal."""

import argparse
import json
from pathlib import Path
from typing import get_args

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.plain import plain
from search_app.errors import BadRequest
from search_app.search.filters import filter_of_text
from search_app.search.query import SORTABLE, SearchQuery, Term, WordsMode
from search_app.search.relevance import LINE
from search_app.search.results import SearchResult
from search_app.wiring import open_service

BAR = 10
"""Signs that a relevance of 1 fills."""


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "search",
        help="answer a query in the terminal",
        description="Find pictures by words, by pictures, or by both. A line shows where relevance ends.",
    )
    parser.add_argument("query", nargs="?", default="", help='words; "without ..." and a - before a word leave out')
    parser.add_argument("-k", "--limit", type=int, default=5, help="number of hits (default 5)")
    parser.add_argument("--offset", type=int, default=0, help="hits to pass over: the next page")
    parser.add_argument("--image", type=Path, action="append", default=[], metavar="FILE", help="a picture to be like")
    parser.add_argument("--like", type=int, action="append", default=[], metavar="ID", help="a picture of the index")
    parser.add_argument("--unlike", type=int, action="append", default=[], metavar="ID", help="to be unlike")
    parser.add_argument(
        "--words",
        choices=get_args(WordsMode),
        default="fused",
        help="printed words together with the pictures (default), alone, or not at all",
    )
    parser.add_argument("--as-it-stands", action="store_true", help="take no word of the query as an instruction")
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="F",
        help="colour:red, width>=800; --filter=-format:GIF for what must not be; repeatable",
    )
    parser.add_argument("--min-score", type=float, help="leave out hits below this cosine similarity")
    parser.add_argument("--min-relevance", type=float, help=f"leave out hits below this; relevance ends at {LINE}")
    parser.add_argument("--diversity", type=float, default=0.0, help="0 to 1: pictures unlike those before them")
    parser.add_argument("--sort", default="", help=f"relevant hits by {', '.join(SORTABLE)}; -date for newest first")
    parser.add_argument("--unfolded", action="store_true", help="show every copy of a picture")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search and print, best first; 1 when nothing was found."""
    service = open_service(settings_from(arguments), arguments.model or "")
    try:
        result = service.search(_query(arguments))
    finally:
        service.close()
    if arguments.json:
        rows = [{"id": hit.id, "score": hit.score, "relevance": hit.relevance, "path": hit.path} for hit in result.hits]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        _print(result, arguments.offset)
    return 0 if result.hits else 1


def _query(arguments: argparse.Namespace) -> SearchQuery:
    return SearchQuery(
        text=arguments.query,
        limit=arguments.limit,
        offset=arguments.offset,
        min_score=arguments.min_score,
        min_relevance=arguments.min_relevance,
        terms=(
            *(Term(image=_read(path)) for path in arguments.image),
            *(Term(id=number) for number in arguments.like),
            *(Term(id=number, weight=-1) for number in arguments.unlike),
        ),
        words=arguments.words,
        understand=not arguments.as_it_stands,
        where=tuple(map(filter_of_text, arguments.filter)),
        diversity=arguments.diversity,
        sort=arguments.sort,
        fold=not arguments.unfolded,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}", "image") from None


def _print(result: SearchResult, offset: int) -> None:
    """A row a hit; a line where relevance ends."""
    if result.understood.without:
        left_out = ", ".join(result.understood.without)
        print(f"{result.understood.text!r} without {left_out} (--as-it-stands takes the words as they are)")
    if result.no_match:
        print("nothing here matches; the nearest pictures:")
    has_line = result.no_match
    for rank, hit in enumerate(result.hits, offset + 1):
        if hit.relevance < LINE and not has_line:
            print(f"     --- relevance ends here {'-' * 40}")
            has_line = True
        bar = "#" * round(hit.relevance * BAR)
        copies = f"  (+{len(hit.copies)} copies)" if hit.copies else ""
        words = f"  | {hit.words[0].text}" if hit.words else ""
        print(plain(f"{rank:3}  {hit.score:.4f}  {bar:<{BAR}}  {hit.id:>7}  {hit.path}{copies}{words}"))
