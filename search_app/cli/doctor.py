"""`doctor`: is what runs here sound? Settings, model, index, files, disk, clock, judgements; it changes nothing."""

import argparse
import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from search_app.cli.options import Subparsers, add_model_options, settings_from
from search_app.cli.plain import plain
from search_app.encoders.base import Encoder
from search_app.errors import EncoderError, NoIndexYet, SettingsError, VectorIndexError
from search_app.evaluation.indexcheck import check_index
from search_app.evaluation.machinecheck import check_folder, check_judgements, check_space
from search_app.evaluation.pins import check_pins
from search_app.evaluation.selfcheck import Check, check_encoder
from search_app.index.kept import REMEDY, differences
from search_app.settings import Settings
from search_app.wiring import open_encoder, published_weights
from search_app.wiring_index import examine_index, look_at_folder, open_profile, with_model_of_alias

MARKS = {True: "ok  ", False: "FAIL", None: "--  "}
SAMPLE = 16
_MEND = "bring the model's files back from a copy or install them again, or choose another SEARCH_MODEL"
_AS_CHOSEN = "the index is made as SEARCH_PROFILE says"
_WHOLE = "the index opens and holds what was committed"


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "doctor",
        help="check model, index, disk, clock and judgements",
        description="Check all that answers stand on and say what to do about what is wrong. Nothing is changed: an "
        "embedded index and the judgements are looked at in a copy, which takes as much room in TMPDIR for that time. "
        "Exit 0 when nothing is wrong, 1 when something is.",
    )
    add_model_options(parser)
    parser.add_argument(
        "--sample", type=_count, default=SAMPLE, metavar="N", help=f"pictures to embed again (default {SAMPLE})"
    )
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def run(arguments: argparse.Namespace) -> int:
    """Print every check; 1 when one failed."""
    checks = []
    for check in _checks(arguments):
        checks.append(check)
        if not arguments.json:
            print(plain(f"{MARKS[check.ok]}  {check.name}: {check.detail}"), flush=True)
            if check.remedy:
                print(plain(f"      {check.remedy}"), flush=True)
    ok = all(check.ok is not False for check in checks)
    if arguments.json:
        rows = [{"name": one.name, "ok": one.ok, "detail": one.detail, "remedy": one.remedy} for one in checks]
        print(json.dumps({"ok": ok, "checks": rows}, ensure_ascii=False, indent=1))
    return 0 if ok else 1


def _checks(arguments: argparse.Namespace) -> Iterator[Check]:
    try:
        settings = settings_from(arguments)
    except SettingsError as error:
        yield Check("settings", ok=False, detail=str(error), remedy="mend the variable, or the line in .env")
        return
    with contextlib.suppress(VectorIndexError):  # what is wrong with the index is told below
        settings = settings if arguments.model else with_model_of_alias(settings)
    place = settings.qdrant_url or settings.index_dir.absolute()
    yield Check("settings", ok=True, detail=f"model {settings.model}, collection {settings.collection} in {place}")
    encoder = None
    try:
        encoder = open_encoder(settings)
    except EncoderError as error:
        yield Check("the model opens", ok=False, detail=str(error), remedy=_MEND)
    try:
        if encoder is not None:
            yield from _check_model(settings, encoder)
        with tempfile.TemporaryDirectory(prefix="doctor-") as scratch:
            yield from _check_index(settings, encoder, arguments.sample, Path(scratch))
            yield check_judgements(settings.index_dir, Path(scratch))
    finally:
        if encoder is not None:
            encoder.close()


def _check_model(settings: Settings, encoder: Encoder) -> Iterator[Check]:
    spec = encoder.spec
    detail = f"{spec.name}, {spec.dim} dimensions, {spec.device} {spec.precision}, fingerprint {spec.fingerprint[:12]}"
    yield Check("the model opens", ok=True, detail=detail)
    published = published_weights(settings)
    if published is not None:
        file, stated = published
        with file.open("rb") as stream:
            ok = hashlib.file_digest(stream, "sha256").hexdigest() == stated
        remedy = "" if ok else f"remove {file} and {file.resolve()}: they are downloaded again at the next start"
        yield Check("the weights are those that were published", ok, f"{file}, SHA-256 {stated[:12]}", remedy)
    try:
        yield from check_encoder(encoder)
        yield check_pins(encoder)
    except EncoderError as error:
        yield Check("the model answers", ok=False, detail=str(error), remedy=_MEND)


def _check_index(settings: Settings, encoder: Encoder | None, sample: int, scratch: Path) -> Iterator[Check]:
    try:
        facts = look_at_folder(settings)
        if facts is not None:
            yield from check_folder(facts, settings.index_dir)
        elif not settings.qdrant_url:
            yield check_space(settings.index_dir, 0)
        with examine_index(settings, scratch) as examined:
            manifest = examined.manifest
            yield Check(_WHOLE, ok=True, detail=f"{manifest.count} pictures of {manifest.folder}")
            yield _check_profile(settings, manifest.made_with)
            if encoder is not None:
                yield from check_index(examined, encoder, sample, settings.max_pixels)
    except SettingsError as error:
        yield Check(_AS_CHOSEN, ok=False, detail=str(error), remedy="mend the variable, or the file it names")
    except NoIndexYet as nothing:
        yield Check(_WHOLE, None, str(nothing))
    except (VectorIndexError, OSError) as error:
        remedy = "" if settings.qdrant_url else "start the service, which rebuilds it from its export, or index again"
        yield Check(_WHOLE, ok=False, detail=str(error), remedy=remedy)
    except EncoderError as error:
        yield Check("the model embeds the files again", ok=False, detail=str(error), remedy=_MEND)


def _check_profile(settings: Settings, made_with: str) -> Check:
    other = differences(made_with, open_profile(settings).noted())
    if not other:
        return Check(_AS_CHOSEN, ok=True, detail=settings.profile)
    return Check(_AS_CHOSEN, None, f"{settings.profile}; it keeps what it was made with: {'; '.join(other)}", REMEDY)
