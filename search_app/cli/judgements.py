"""`judgements`: make rounds of judging, read and write labels as TREC files, measure agreement."""

import argparse
from pathlib import Path

from search_app.cli import judgements_pool
from search_app.cli.judgements_pool import contents
from search_app.cli.judgements_systems import read_index
from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.errors import JudgementError
from search_app.evaluation.trec import read_qrels, read_topics
from search_app.judgements.agreement import Agreement
from search_app.judgements.importing import judgements_from_labels
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.reports import LabelsWanted, round_agreement, stored_labels
from search_app.judgements.rounds import Rounds
from search_app.search.query import normalised
from search_app.wiring import open_judgements

NO_ROUNDS = "there are no rounds yet: make one with `python -m search_app judgements pool`"


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "judgements",
        help="collect labels: rounds of judging, export, agreement",
        description="What people said about answers, in one file beside the index. It is judged at /judge.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    judgements_pool.add_parser(actions)
    _add_export(actions)
    rounds = actions.add_parser("rounds", help="list the rounds and how far everybody is")
    rounds.set_defaults(run=run_rounds, model=None, device=None, collection=None)
    agreement = actions.add_parser("agreement", help="Cohen's kappa and Krippendorff's alpha of a round")
    agreement.add_argument("round", nargs="?", help="id of the round (default: the newest)")
    agreement.set_defaults(run=run_agreement, model=None, device=None, collection=None)
    importing = actions.add_parser("import", help="take labels made elsewhere; a second time changes nothing")
    importing.add_argument("--qrels", type=Path, required=True, metavar="Q.txt", help="qid 0 PATH grade")
    importing.add_argument("--topics", type=Path, required=True, metavar="T.tsv", help="qid<TAB>text")
    importing.add_argument("--assessor", required=True, help="whose labels they are")
    add_model_options(importing)
    importing.set_defaults(run=run_import)


def _add_export(actions: Subparsers) -> None:
    export = actions.add_parser("export", help="write qrels and topics as `evaluate` takes them")
    export.add_argument("--qrels", type=Path, required=True, metavar="Q.txt", help="qid 0 PATH grade goes here")
    export.add_argument("--topics", type=Path, required=True, metavar="T.tsv", help="qid<TAB>text goes here")
    export.add_argument("--round", help="only what this round asks")
    export.add_argument("--kind", choices=["grade", "category"], default="grade", help="answers, or categories")
    export.add_argument("--source", choices=["judging", "thumb", "all"], default="judging", help="default: judging")
    who = export.add_mutually_exclusive_group()
    who.add_argument("--assessor", help="only this one's judgements")
    who.add_argument("--merge", choices=["majority", "mean"], default="majority", help="several people's into one")
    add_model_options(export)
    export.set_defaults(run=run_export)


def run_export(arguments: argparse.Namespace) -> int:
    """Write both files."""
    settings = settings_from(arguments)
    store = open_judgements(settings)
    wanted = LabelsWanted(
        assessor=arguments.assessor,
        merge=arguments.merge,
        source=arguments.source,
        kind=arguments.kind,
        round_id=arguments.round,
    )
    pictures = read_index(settings) or IndexedPictures({}, {})
    labels = stored_labels(store, wanted, pictures.locate)
    if not labels.grades:
        raise JudgementError(f"{store.database.path}: nothing was judged yet that fits")
    for path, text in (
        (arguments.qrels, labels.qrels_text(store.spell_path)),
        (arguments.topics, labels.topics_text()),
    ):
        try:
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise JudgementError(f"{path}: cannot be written: {error.strerror}") from error
    count = sum(map(len, labels.grades.values()))
    print(f"{count} judgements of {len(labels.grades)} queries: {arguments.qrels}, {arguments.topics}")
    if labels.left_out:
        print(f"note: {labels.left_out} left out: the picture is gone and another one took its path")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Store labels of pictures in the index."""
    settings = settings_from(arguments)
    topics = {qid: normalised(text) for qid, text in read_topics(arguments.topics).items()}
    qrels, assessor = read_qrels(arguments.qrels), normalised(arguments.assessor)
    pictures = read_index(settings)
    if pictures is None:
        raise JudgementError("labels are kept by what is in the pictures: index their folder first")
    found = judgements_from_labels(topics, qrels.grades, pictures, assessor)
    if not found.judgements:
        raise JudgementError(f"{arguments.qrels}: none of its pictures is in the index, such as {found.unknown[0]}")
    open_judgements(settings).add(found.judgements)
    print(f"{len(found.judgements)} judgements of {assessor}")
    if found.unknown:
        print(f"note: {len(found.unknown)} pictures are not in the index, such as {found.unknown[0]}")
    if found.contradicting:
        print(
            f"note: {len(found.contradicting)} pictures had another grade under another name, which was kept, such as "
            f"{found.contradicting[0]}"
        )
    return 0


def run_rounds(arguments: argparse.Namespace) -> int:
    """List every round."""
    rounds = Rounds(open_judgements(settings_from(arguments)))
    known = rounds.all()
    if not known:
        print(NO_ROUNDS)
    for each in known:
        print(f"{each.id}: {contents(each)}, {each.made_at[:16]}  {each.name}")
        for assessor, verdicts in rounds.verdicts(each).items():
            print(f"  {assessor}: {len(verdicts)} of {each.size}")
    return 0


def run_agreement(arguments: argparse.Namespace) -> int:
    """Print the agreement over a round."""
    rounds = Rounds(open_judgements(settings_from(arguments)))
    if arguments.round is None and not rounds.all():
        raise JudgementError(NO_ROUNDS)
    of = rounds.get(arguments.round) if arguments.round is not None else rounds.all()[0]
    print(f"round {of.id}")
    print(format_agreement(round_agreement(rounds, of)))
    return 0


def format_agreement(found: Agreement) -> str:
    """The figures as aligned plain text."""
    lines = [f"assessors: {', '.join(found.assessors) or 'nobody yet'}; {found.units} judged by two or more"]
    lines += [f"Krippendorff's alpha: {_figure(found.alpha_nominal)} nominal, {_figure(found.alpha_ordinal)} ordinal"]
    lines += [
        f"{pair.first} and {pair.second}: {pair.shared} shared, same grade {_figure(pair.same)}, "
        f"Cohen's kappa {_figure(pair.kappa)}, quadratic {_figure(pair.weighted_kappa)}"
        for pair in found.pairs
    ]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
