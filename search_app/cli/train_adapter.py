"""`train adapter`: a small head over the stored vectors of any encoder, from judgements or image-text pairs."""

import argparse
import json
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_app.cli.options import Subparsers, add_model_options, asking_settings, command_line
from search_app.cli.progress import TerminalProgress
from search_app.cli.train_adapter_data import Material, gather
from search_app.cli.train_adapter_figures import HEADLINE, AdapterFigures, adapter_figures
from search_app.errors import NoIndexYet, TrainingError
from search_app.index.base import IndexReader
from search_app.ingest.derive import run_derive
from search_app.ingest.report import IngestReport
from search_app.settings import Settings, load_settings
from search_app.wiring import open_adapted
from search_app.wiring_index import open_store

if TYPE_CHECKING:
    from search_app.encoders.adapter_head import AdapterHead
    from search_app.training.adapter.validate import Repeat

NO_HELP = 1


def add_parser(models: Subparsers) -> None:
    """Describe the command."""
    parser = models.add_parser(
        "adapter",
        help="a head over the stored vectors of any encoder, from judgements or pairs",
        description="Learn from labels of pictures in the collection, without opening a picture, in minutes on a CPU. "
        "The base is the model that made the collection (--model). The result is a model of its own, to be used with "
        "SEARCH_MODEL=NAME, and a collection of its own that holds the same pictures under the same ids.",
    )
    parser.add_argument("--name", required=True, help="what the model is to be called, such as lite+ads")
    parser.add_argument("--topics", type=Path, metavar="T.tsv", help="labels: qid<TAB>text, with --qrels")
    parser.add_argument("--qrels", type=Path, metavar="Q.txt", help="labels: qid 0 PATH grade, with --topics")
    parser.add_argument("--judgements", action="store_true", help="labels: what was judged at /judge and by thumbs")
    parser.add_argument("--pairs", type=Path, metavar="PAIRS.tsv", help="labels: path<TAB>text, a line a pair")
    parser.add_argument("--guard-topics", type=Path, metavar="T.tsv", help="queries that are watched, never learnt")
    parser.add_argument("--guard-qrels", type=Path, metavar="Q.txt", help="the pictures that answer them")
    parser.add_argument("--into", metavar="COLLECTION", help="collection that is made (default: after the name)")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="rounds of cross-validation (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of folds and intervals (default 0)")
    parser.add_argument("--json", type=Path, metavar="REPORT", help="write all figures to this file")
    add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Validate, fit, save and fill the new collection; 1 where the labels do not help and nothing is made."""
    started = time.perf_counter()
    settings = asking_settings(arguments)
    target = require_sense(arguments, settings)
    with closing(open_store(settings).reader()) as reader:
        material = gather(arguments, settings, reader)
        print(f"{material.described}; base {settings.model}")
        if absent := material.labels.absent:
            print(f"note: {len(absent)} labelled pictures are not in the collection, such as {absent[0]}")
        found, figures = _validate(arguments, material)
        print("", *figures.table(), *figures.notes(), "", sep="\n")
        strength, head = _fit(arguments, material, figures)
        if arguments.json is not None:
            told = {"name": arguments.name, "base": settings.model, "data": material.described, "strength": strength}
            whole = {**told, **figures.to_json(), "queries": _by_query(material, found)}
            whole["seconds"] = round(time.perf_counter() - started, 1)
            arguments.json.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        if head is None:
            print("on pictures left out the labels do not help: nothing was made, the base is as good")
            return NO_HELP
        folder = _save(arguments, settings, material, figures, head)
        made = derive(reader, target)
    print(f"{folder} holds {arguments.name}, strength {strength:g}")
    print(f"collection {made.collection!r}: {made.total} pictures, {made.indexed} of them new, from stored vectors")
    print(f"serve it: SEARCH_MODEL={arguments.name} SEARCH_COLLECTION={made.collection} python -m search_app serve")
    return 0


def require_sense(arguments: argparse.Namespace, settings: Settings) -> Settings:
    """Settings of the model and the collection that are to be made; raises `TrainingError` where they cannot be."""
    from search_app.encoders.adapter_head import adapted_names
    from search_app.training.adapter.save import require_free_name

    if not (arguments.topics or arguments.pairs or arguments.judgements):
        raise TrainingError("train adapter needs labels: --topics and --qrels, --judgements or --pairs")
    for topics, qrels, names in (
        (arguments.topics, arguments.qrels, "--topics and --qrels"),
        (arguments.guard_topics, arguments.guard_qrels, "--guard-topics and --guard-qrels"),
    ):
        if (topics is None) != (qrels is None):
            raise TrainingError(f"{names} go together: what is asked, and which pictures answer it")
    if arguments.repeats < 1 or arguments.seed < 0:
        raise TrainingError("--repeats must be 1 or more, --seed 0 or more")
    if arguments.json is not None and not arguments.json.absolute().parent.is_dir():
        raise TrainingError(f"--json {arguments.json}: there is no such folder")
    require_free_name(settings.models_dir, arguments.name)
    if settings.model in adapted_names(settings.models_dir):
        raise TrainingError(
            f"{settings.model} was trained here itself: train on its base, with --model and --collection of that, and "
            "with all labels at once"
        )
    into = arguments.into or arguments.name.replace("+", "-")
    target = load_settings(model=arguments.name, device=arguments.device, collection=into)
    try:
        with closing(open_store(target).reader()) as reader:
            maker = reader.manifest().model
    except NoIndexYet:
        return target
    if maker != arguments.name:
        raise TrainingError(f"collection {into!r} was made by {maker}: choose another one with --into")
    return target


def _validate(arguments: argparse.Namespace, material: Material) -> "tuple[list[Repeat], AdapterFigures]":
    from search_app.training.adapter.fit import AdapterOptions
    from search_app.training.adapter.validate import Validation, validate

    how = Validation(repeats=arguments.repeats, seed=arguments.seed)
    with TerminalProgress("validating", "steps") as progress:
        found = validate(material.data, material.guard, AdapterOptions(), how, progress)
    return found, adapter_figures(found, material.data.groups, material.guarded, arguments.seed)


def _fit(
    arguments: argparse.Namespace, material: Material, figures: AdapterFigures
) -> "tuple[float, AdapterHead | None]":
    """Strength and head; 0 and none where nothing was gained on pictures left out."""
    from search_app.training.adapter.fit import AdapterOptions
    from search_app.training.adapter.strength import choose_strength, fit_at

    if figures.gains[HEADLINE].difference <= 0:
        return 0.0, None
    strength = choose_strength(material.data, AdapterOptions(), arguments.seed)
    return strength, fit_at(material.data, AdapterOptions(), strength) if strength else None


def _save(
    arguments: argparse.Namespace, settings: Settings, material: Material, figures: AdapterFigures, head: "AdapterHead"
) -> Path:
    from search_app.training.adapter.save import licences_of, save_adapter
    from search_app.training.card import ModelCard

    card = ModelCard(
        name=arguments.name,
        base=settings.model,
        data=material.described,
        seed=arguments.seed,
        command=command_line(),
        figures=figures.to_json(),
        licences=licences_of(settings.model),
    )
    lines = [*figures.table(), *figures.notes()]
    return save_adapter(head, material.base.fingerprint, card, lines, settings.models_dir)


def derive(reader: IndexReader, target: Settings) -> IngestReport:
    """Fill the collection of the new model from the stored vectors; that of an earlier one of its name is replaced."""
    store = open_store(target)
    encoder = open_adapted(target)
    try:
        with closing(store.reader()) as earlier:
            rebuild = earlier.manifest().fingerprint != encoder.spec.fingerprint
    except NoIndexYet:
        rebuild = False
    try:
        with TerminalProgress("storing", "pictures") as progress:
            return run_derive(reader, encoder, store, progress, rebuild=rebuild)
    finally:
        encoder.close()


def _by_query(material: Material, found: "list[Repeat]") -> list[dict[str, object]]:
    """Average precision of each text on pictures left out, mean over the repeats, with what stands behind it."""
    pictures = np.count_nonzero(material.data.relevance, axis=1)
    base = np.mean([repeat.base.held_out for repeat in found], axis=0)
    adapted = np.mean([repeat.adapted.held_out for repeat in found], axis=0)
    return [
        {"text": text, "pictures": int(count), "base": round(float(before), 4), "adapted": round(float(after), 4)}
        for text, count, before, after in zip(material.labels.texts, pictures, base, adapted, strict=True)
    ]
