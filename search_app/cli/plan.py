"""`plan`: memory, disk, nodes and time for so many pictures, from formulas, and a profile that fits."""

import argparse
import json
import math
from pathlib import Path

from search_app.cli.options import Subparsers, command_line
from search_app.errors import SettingsError
from search_app.index.profile_file import read_profile
from search_app.planning import figures
from search_app.planning.models import planned_model
from search_app.planning.plan import Plan, Wishes, plan
from search_app.planning.written import Prices, rows, to_json, to_toml


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "plan",
        help="memory, disk, nodes and time for so many pictures",
        description="Reckon what a collection needs, from published and measured figures, and write a profile for it. "
        "Nothing is opened and nothing is changed. docs/scale.md holds the formulas against what was measured.",
    )
    parser.add_argument("--images", required=True, type=_number, metavar="N", help="pictures: 1000000 or 1e6")
    parser.add_argument("--model", default="ViT-B-32/openai", help="decides dimensions and speed (ViT-B-32/openai)")
    parser.add_argument("--dim", type=int, metavar="D", help="dimensions, for a model that is not known")
    parser.add_argument("--replicas", type=int, default=1, metavar="R", help="copies of everything (default 1)")
    parser.add_argument("--latency", type=float, metavar="MS", help="below 43 the vectors are kept in memory")
    parser.add_argument("--queries", type=float, default=10, metavar="Q", help="searches a second (default 10)")
    parser.add_argument("--words", action="store_true", help="the words printed in the pictures are read too")
    parser.add_argument("--ram-per-node", type=float, default=64, metavar="GIB", help="default 64")
    parser.add_argument("--cores", type=int, default=8, metavar="C", help="of a node (default 8)")
    parser.add_argument("--payload", type=float, default=figures.PAYLOAD_BYTES, metavar="B", help="bytes a picture")
    parser.add_argument("--profile", metavar="P", help="reckon for this profile (as SEARCH_PROFILE) and choose none")
    parser.add_argument("--gpu-price", type=float, metavar="X", help="of a GPU's hour, in whatever money")
    parser.add_argument("--core-price", type=float, metavar="X", help="of a core's hour")
    parser.add_argument("--node-price", type=float, metavar="X", help="of a node's hour")
    parser.add_argument("--toml", type=Path, metavar="FILE", help="write the profile here: SEARCH_PROFILE=./FILE")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.set_defaults(run=run)


def _number(text: str) -> int:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return int(number)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; write the profile where that is asked for."""
    wishes = Wishes(
        images=arguments.images,
        model=planned_model(arguments.model, arguments.dim),
        replicas=arguments.replicas,
        latency_ms=arguments.latency,
        queries=arguments.queries,
        has_words=arguments.words,
        ram=arguments.ram_per_node * figures.GIB,
        cores=arguments.cores,
        payload=arguments.payload,
    )
    found = plan(wishes, read_profile(arguments.profile) if arguments.profile else None)
    prices = Prices(arguments.gpu_price, arguments.core_price, arguments.node_price)
    toml = to_toml(found.profile, f"{wishes.images:,} pictures with {wishes.model.name}\n{command_line()}")
    if arguments.json:
        print(json.dumps(to_json(found, prices), indent=1))
    else:
        _print(found, prices, toml)
    if arguments.toml is not None:
        _write(arguments.toml, toml)
    return 0


def _print(found: Plan, prices: Prices, toml: str) -> None:
    wishes = found.wishes
    print(f"{wishes.images:,} pictures, {wishes.model.name} ({wishes.model.dim} dimensions), {wishes.replicas} of each")
    print()
    table = [*rows(found, prices)]
    sources = [*dict.fromkeys(row.source for row in table if row.source)]
    wide, long = (max(len(text) for text in column) for column in zip(*((r.what, r.value) for r in table), strict=True))
    for row in table:
        note = f" [{sources.index(row.source) + 1}]" if row.source else ""
        print(f"{row.what.ljust(wide)}  {row.value.ljust(long)}  {row.how}{note}")
    print()
    for number, source in enumerate(sources, 1):
        print(f"[{number}] {source}")
    print()
    print(toml, end="")


def _write(file: Path, toml: str) -> None:
    try:
        file.write_text(toml, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--toml {file} cannot be written: {error.strerror}") from None
