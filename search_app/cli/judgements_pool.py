"""`judgements pool`: make a round of judging from run files, from what answers now, or of categories."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from search_app.cli.judgements_systems import (
    SYSTEMS,
    Answers,
    Asked,
    ask_system,
    each_content_once,
    read_index,
    read_run_answers,
)
from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.errors import JudgementError
from search_app.evaluation.ads import read_categories
from search_app.evaluation.trec import read_topics
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.pool import pool, slug
from search_app.judgements.rounds import Rounds
from search_app.judgements.values import Round, RoundQuery
from search_app.search.query import normalised
from search_app.settings import Settings
from search_app.wiring import open_judgements

DEFAULT_DEPTH = 10
_MAX_SEED = 2**63 - 1


def add_parser(actions: Subparsers) -> None:
    """Describe the action."""
    parser = actions.add_parser(
        "pool",
        help="make a round: queries and the best answers of several systems",
        description="The candidates of a query are the union of the first answers of every run file and system, shown "
        "in an order that tells nothing of where they came from. Without --runs and --systems the model that serves "
        "is asked. With --categories the round asks which categories pictures belong to.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--topics", type=Path, metavar="T.tsv", help="qid<TAB>text")
    what.add_argument(
        "--categories", type=Path, metavar="LIST.txt", help="number<TAB>name, as the ads' Topics_List.txt"
    )
    parser.add_argument("--runs", type=Path, nargs="+", default=[], metavar="RUN", help="TREC run files")
    parser.add_argument(
        "--systems", nargs="+", default=[], metavar="SYSTEM", help=f"asked now: {SYSTEMS} (default: model)"
    )
    parser.add_argument("--depth", type=int, help=f"answers taken of each system (default {DEFAULT_DEPTH})")
    parser.add_argument("--sample", type=int, metavar="N", help="pictures of a round of categories (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the order and of what is random (default 0)")
    parser.add_argument("--name", help="what the round is called (default: after the file)")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make and store the round."""
    _check(arguments)
    settings = settings_from(arguments)
    name = normalised(arguments.name or (arguments.topics or arguments.categories).stem)
    round_id = slug(name)
    if not round_id:
        raise JudgementError(f"--name {name!r} has no letter from a to z and no digit, of which its address is made")
    rounds = Rounds(open_judgements(settings))
    rounds.refuse_taken(round_id)  # before models are asked
    make = _of_topics if arguments.topics else _of_categories
    made = make(arguments, settings, round_id, name)
    rounds.add(made)
    print(f"round {made.id}: {contents(made)}, from {', '.join(made.pooled_from)}")
    print("judge it at /judge of the running service (`python -m search_app serve`)")
    return 0


def contents(of: Round) -> str:
    """How much there is to judge, in words."""
    if of.kind == "category":
        return f"{of.size} pictures into {len(of.categories)} categories"
    return f"{len(of.queries)} queries, {of.size} pictures"


def _check(arguments: argparse.Namespace) -> None:
    numbers = {"--depth": arguments.depth, "--sample": arguments.sample}
    for option, value in numbers.items():
        if value is not None and value < 1:
            raise JudgementError(f"{option} must be 1 or more")
    if not 0 <= arguments.seed <= _MAX_SEED:
        raise JudgementError(f"--seed must be between 0 and {_MAX_SEED}")
    if arguments.categories and (arguments.runs or arguments.systems or arguments.depth is not None):
        raise JudgementError("--runs, --systems and --depth are for --topics: categories are asked of any picture")
    if arguments.topics and arguments.sample is not None:
        raise JudgementError("--sample is for --categories: how much is judged of topics is --depth's to say")


def _of_topics(arguments: argparse.Namespace, settings: Settings, round_id: str, name: str) -> Round:
    topics = {qid: normalised(text) for qid, text in read_topics(arguments.topics).items()}
    counts = Counter(topics.values())
    if twice := sorted(qid for qid, text in topics.items() if counts[text] > 1):
        raise JudgementError(
            f"{arguments.topics}: queries with the same words are judged once; keep one of each: {', '.join(twice)}"
        )
    depth = arguments.depth or DEFAULT_DEPTH
    asked = Asked(topics, depth, arguments.seed, _indexed(settings))
    answers: dict[str, Answers] = {str(path): read_run_answers(path, asked.pictures) for path in arguments.runs}
    for system in arguments.systems or ([] if arguments.runs else ["model"]):
        found_by, found = ask_system(system, settings, asked)
        answers[found_by] = found
    queries = pool(topics, answers, depth)
    return Round(round_id, name, "grade", queries, arguments.seed, pooled_from=tuple(answers), depth=depth)


def _of_categories(arguments: argparse.Namespace, settings: Settings, round_id: str, name: str) -> Round:
    categories = tuple(dict.fromkeys(normalised(each.name) for each in read_categories(arguments.categories)))
    every = each_content_once(_indexed(settings))
    if arguments.sample is not None and arguments.sample < len(every):
        drawn = np.random.default_rng(arguments.seed).choice(len(every), arguments.sample, replace=False)
        every = [every[place] for place in sorted(drawn.tolist())]
    queries = (RoundQuery("pictures", "", tuple(every)),)
    return Round(round_id, name, "category", queries, arguments.seed, categories=categories, pooled_from=("the index",))


def _indexed(settings: Settings) -> IndexedPictures:
    pictures = read_index(settings)
    if pictures is None:
        raise JudgementError("nothing has been indexed yet: run `python -m search_app index FOLDER` first")
    return pictures
