"""A text query: its stages, and the whole HTTP request beside the plain way (open_clip, qdrant-client's local mode).

Three services run at once, each a process of its own, and are asked in turn, call by call, what nobody asked before:
ours with `lite`, ours with ViT-B/32 and the plain way (`plain_service`). The weights of ViT-B/32 are random and of the
true shapes, and the pictures are made up (`made_up`): that is fair for speed and says nothing about answers. Vectors
of `lite` have 384 dimensions, not 512. To make the collections takes minutes, once for each folder given by `--home`.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.speed import made_up
from benchmarks.speed.options import add_home, parser_of, resolve_home
from benchmarks.speed.pairs import Timed, each_call, times_faster
from benchmarks.speed.query_stages import measured_stages
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.services import ours, serving, uvicorn
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.lite_manifest import MODEL_FOLDER
from search_app.encoders.minilm import MiniLmSentences
from search_app.settings import load_settings
from search_app.wiring import open_encoder

COUNT = 65_536
RANDOM = "ViT-B-32/random.pt"
PLAIN = uvicorn("benchmarks.speed.plain_service:app")


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("query", results=arguments.results)
    count, queries = (made_up.FEW, 8) if arguments.quick else (arguments.count, arguments.queries)
    with contextlib.ExitStack() as stack:
        home = arguments.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        figures: dict[str, Any] = {"count": count, "queries": queries, "model": _named(arguments.model)}
        note("the collection of lite")
        lite = LiteEncoder()
        made_up.make(home / "lite", lite, count, MiniLmSentences())
        figures["stages"] = {
            name: one.milliseconds() for name, one in measured_stages(home / "lite", lite, queries).items()
        }
        figures["tokenise"] = _tokenise(queries).milliseconds()
        if not arguments.no_clip:
            note("the collection of ViT-B/32, and its tower")
            figures["tower"] = _with_clip(home / _clip(arguments.model), arguments.model, count, queries)
        note("whole requests")
        figures["requests"] = _requests(home, arguments, count, queries)
    result = bench.write(figures, arguments.command)
    sys.stdout.write(table(result) + "\n\n" + result.where + "\n")


def _arguments() -> argparse.Namespace:
    parser = parser_of("query", __doc__)
    add_home(parser)
    parser.add_argument("--count", type=int, default=COUNT, help=f"pictures in a collection (default {COUNT})")
    parser.add_argument("--queries", type=int, default=300, help="queries to each service (default 300)")
    parser.add_argument("--model", help="a ViT-B/32 as SEARCH_MODEL names it (paths in full), for random weights")
    parser.add_argument("--no-clip", action="store_true", help="only lite: neither ViT-B/32 nor the plain way")
    arguments = parser.parse_args()
    given = resolve_home(arguments)
    more = f" --model {_named(arguments.model)}" if arguments.model else ""
    arguments.command = f"python -m benchmarks query{given}{more}{' --quick' if arguments.quick else ''}"
    return arguments


def _named(model: str | None) -> str:
    """A model without the folders that only this machine has."""
    if model is None:
        return "ViT-B-32, random"
    kind, _, path = model.partition(":")
    return f"{kind}:{Path(path).name}" if path else model


def _tokenise(queries: int) -> Timed:
    tokenizer = Tokenizer.from_file(str(MODEL_FOLDER / "tokenizer.json"))
    calls = [partial(tokenizer.encode, made_up.sentence(number)) for number in range(queries)]
    return each_call({"tokenise": calls})["tokenise"]


def _clip(model: str | None) -> str:
    """The folder of its collection."""
    return "clip" if model is None else "clip-named"


def _with_clip(home: Path, model: str | None, count: int, queries: int) -> dict[str, Any]:
    """Fill its collection; the text towers in turn, in this process: ours and the plain way."""
    from search_app.encoders.open_clip_package import open_clip, torch

    home.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    plain = open_clip.create_model("ViT-B-32").eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    checkpoint = home / RANDOM.partition("/")[2]
    if not checkpoint.exists():
        torch.save(plain.state_dict(), checkpoint)
    encoder = open_encoder(load_settings(model=model or f"ViT-B-32/{checkpoint}", device="cpu"))
    made_up.make(home, encoder, count)

    def encode(query: str) -> object:
        with torch.no_grad():
            return plain.encode_text(tokenizer([query]))

    sentences = [made_up.sentence(number) for number in range(queries)]
    encode(sentences[0])
    timed = each_call(
        {
            "ours": [partial(encoder.encode_texts, [sentence]) for sentence in sentences],
            "plain": [partial(encode, sentence) for sentence in sentences],
        }
    )
    encoder.close()
    return {**{name: one.milliseconds() for name, one in timed.items()}, "ratio": _ratio(timed["ours"], timed["plain"])}


def _requests(home: Path, arguments: argparse.Namespace, count: int, queries: int) -> dict[str, Any]:
    """Whole requests to all services in turn, and those that are asked again."""
    with contextlib.ExitStack() as stack:
        lite = stack.enter_context(serving(ours(), home / "lite", SEARCH_MODEL="lite"))
        ways: dict[str, Callable[[str], object]] = {"lite GET": lite.client().get, "lite POST": lite.client().post}
        if not arguments.no_clip:
            model = arguments.model or RANDOM
            clip = stack.enter_context(
                serving(ours(), home / _clip(arguments.model), SEARCH_MODEL=model, SEARCH_DEVICE="cpu")
            )
            plain = stack.enter_context(serving(PLAIN, home, PLAIN_COUNT=str(count)))
            ways |= {"ViT-B/32 GET": clip.client().get, "plain GET": plain.client().get}
        warm = [made_up.sentence(number) for number in range(queries, queries + 20)]
        each_call({name: [partial(ask, query) for query in warm] for name, ask in ways.items()})
        fresh = [made_up.sentence(number) for number in range(queries)]
        timed = each_call({name: [partial(ask, query) for query in fresh] for name, ask in ways.items()})
        for name in ("lite GET", "lite POST"):
            again = each_call({name: [partial(ways[name], fresh[-1])] * queries})[name]
            timed[f"{name} again"] = again
    figures: dict[str, Any] = {name: one.milliseconds() for name, one in timed.items()}
    if "plain GET" in timed:
        for name in ("lite GET", "lite POST", "ViT-B/32 GET"):
            figures[name]["ratio"] = _ratio(timed[name], timed["plain GET"])
    return figures


def _ratio(one: Timed, plain: Timed) -> dict[str, float]:
    found = times_faster(one, plain)
    return {"median": round(found.median, 2), "low": round(found.low, 2), "high": round(found.high, 2)}


def _told(figures: dict[str, Any]) -> str:
    p99 = f", p99 {figures['p99']:.2f}" if "p99" in figures else ""
    return f"p50 {figures['p50']:.2f}{p99} ms"


def _times(figures: dict[str, Any]) -> str:
    found = figures.get("ratio")
    return f"{found['median']:.1f} ({found['low']:.1f} to {found['high']:.1f})" if found else ""


def _rows(figures: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    asked = figures["requests"]
    target = "p50 <= 10, p99 <= 25 ms"
    yield (
        "`GET /search` with `lite`, never asked before",
        target,
        _told(asked["lite GET"]),
        _times(asked["lite GET"]),
        "",
    )
    post = asked["lite POST"]
    yield "`POST /search` with `lite`, fused, never asked before", target, _told(post), _times(post), "three channels"
    for name in ("GET", "POST"):
        yield f"`{name} /search` with `lite`, asked again", "p50 <= 2 ms", _told(asked[f"lite {name} again"]), "", ""
    if "tower" in figures:
        clip, tower, plain = asked["ViT-B/32 GET"], figures["tower"], asked["plain GET"]
        yield (
            "`GET /search` with ViT-B/32, never asked before",
            ">= 5 times",
            _told(clip),
            _times(clip),
            figures["model"],
        )
        yield (
            "its text tower, tokens included",
            "",
            _told(tower["ours"]),
            _times(tower),
            f"plain: {_told(tower['plain'])}",
        )
        yield "the plain way, whole request", "", _told(plain), "1", "77 tokens, fp32, qdrant-client's local mode"
    stages = {"tokenise": figures["tokenise"], **figures["stages"]}
    for name, one in stages.items():
        yield f"stage of `POST` with `lite`: {name}", "", _told(one), "", ""


def table(result: Result) -> str:
    """The Markdown table."""
    rows = ["| | target | measured | times the plain way | note |", "|---|---|---|---|---|"]
    rows += [f"| {' | '.join(row)} |" for row in _rows(result.figures)]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
