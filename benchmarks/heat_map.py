"""`python -m benchmarks.heat_map ADS [--limit N] [--json OUT] [--sizes]`: does the heat map show the right places?

ADS holds `images/` and the ads' label files. Each of N pairs a kind of query (default 20) is a query and a picture that
is relevant to it. Trials: blanking the hottest quarter of the picture must cost more of the cosine than blanking the
coldest; the hottest quarter cut out must score higher than the coldest; and in a mosaic of four pictures the map has to
point at the relevant one. `--sheet OUT` draws the first maps; `--sizes` compares windows of other sizes by the mosaics
instead. Without ADS, `--sample OUT` draws the picture of docs/explain.md from the bundled sample.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.heat_map_pictures import draw_sample, draw_sheet
from benchmarks.heat_map_trials import MAPS, TRIALS, Map, load, look, mosaic, pointed, put_to_trials
from search_app.encoders.base import Encoder
from search_app.evaluation.ads import category_queries, read_categories, read_labels, statement_queries
from search_app.evaluation.slice_data import read_slices
from search_app.evaluation.statistics import bootstrap_interval
from search_app.evaluation.trec import Qrels, Topics
from search_app.search.heat_map import WINDOW, WINDOWS_A_SIDE, heat_of, look_at_parts
from search_app.settings import load_settings
from search_app.wiring import open_encoder

SLICES = ("object", "attribute", "counting", "abstract")
POINTED = ("object", "attribute")
"""Kinds whose queries name something that is to be seen in one place."""
SEED = 20261125
SIZES = ((0.5, 3), (0.4, 4), (1 / 3, 5))
"""Side as a share of the picture's, and windows a side: half overlapping."""
BACKGROUND = ("a photo", "a picture", "an advertisement", "text", "a person", "an object", "a plain background")
Judged = tuple[Topics, Qrels]
MakeMaps = Callable[[Image.Image, Encoder, str], Mapping[str, Map]]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ads", nargs="?", type=Path, help="folder of the ads: images/ and label files")
    parser.add_argument("--limit", type=int, default=20, help="pairs for each kind of query")
    parser.add_argument("--json", type=Path, help="file for every pair's figures")
    parser.add_argument("--sheet", type=Path, help="PNG of the maps of the first pairs")
    parser.add_argument("--sample", type=Path, help="JPEG with maps over the bundled sample")
    parser.add_argument("--sizes", action="store_true", help="compare windows of other sizes")
    arguments = parser.parse_args()
    encoder = open_encoder(load_settings(model="lite"))
    if arguments.sample:
        draw_sample(arguments.sample, encoder)
    if arguments.ads:
        images = arguments.ads / "images"
        kinds = read_kinds(arguments.ads)
        pairs = {kind: drawn(kinds[kind], arguments.limit) for kind in kinds}
        if arguments.sheet:
            draw_sheet(arguments.sheet, encoder, [(q, images / p) for kind in POINTED for q, p in pairs[kind][:6]])
        asked = {kind: (kinds[kind], pairs[kind]) for kind in POINTED}
        if arguments.sizes:
            print("\n".join(sizes_table(list(pointing(encoder, images, asked, sized_maps)))))
            return 0
        print(cost(encoder, images / pairs["object"][0][1]))
        records = list(tried(encoder, images, pairs))
        points = list(pointing(encoder, images, asked, all_maps))
        print("\n".join(tables(records, points)))
        if arguments.json:
            arguments.json.write_text(json.dumps({"trials": records, "pointing": points}, indent=1), "utf-8")
    return 0


def read_kinds(ads: Path) -> dict[str, Judged]:
    """Queries and relevant pictures by kind; of the slices only what was judged plainly relevant."""
    paths = [path.relative_to(ads / "images").as_posix() for path in sorted((ads / "images").rglob("*.jpg"))]
    slices = read_slices()
    kinds: dict[str, Judged] = {name: ({q: slices.topics[q] for q in slices.of(name)}, slices.qrels) for name in SLICES}
    found = category_queries(read_categories(ads / "Topics_List.txt"), read_labels(ads / "Topics.json"), paths)
    kinds["category"] = ({q: text for q, text in found.topics.items() if "." not in q}, found.qrels)
    found = statement_queries(read_labels(ads / "QA_test_statements.json"), paths)
    kinds["statement"] = (found.topics, found.qrels)
    return kinds


def drawn(judged: Judged, limit: int) -> list[tuple[str, str]]:
    """Query text and picture: one picture a query in turn, so that no query with many rules."""
    topics, qrels = judged
    random = np.random.default_rng(SEED)
    by_query = {}
    for qid in topics:
        best = max(qrels.grades[qid].values(), default=0)
        paths = sorted(path for path, grade in qrels.grades[qid].items() if grade == best > 0)
        by_query[qid] = list(random.permutation(paths))
    order = list(random.permutation(list(topics)))
    longest = max(map(len, by_query.values()))
    turns = [(qid, by_query[qid][turn]) for turn in range(longest) for qid in order if turn < len(by_query[qid])]
    return [(topics[qid], str(path)) for qid, path in turns[:limit]]


def tried(encoder: Encoder, images: Path, pairs: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[dict[str, Any]]:
    """Each pair with what each map did in each trial."""
    random = np.random.default_rng(SEED)
    for kind, judged in pairs.items():
        for text, path in judged:
            [query] = encoder.encode_texts([text])
            looked = look(load(images / path, encoder), encoder)
            maps = looked.maps(query, random)
            results = {name: put_to_trials(looked, maps[name], query, encoder) for name in MAPS}
            yield {"kind": kind, "query": text, "path": path, "maps": results}


def pointing(
    encoder: Encoder, images: Path, kinds: Mapping[str, tuple[Judged, Sequence[tuple[str, str]]]], maps: MakeMaps
) -> Iterator[dict[str, Any]]:
    """For each pair a mosaic of its picture and three that are not relevant, and where each map points."""
    random = np.random.default_rng(SEED)
    paths = [path.relative_to(images).as_posix() for path in sorted(images.rglob("*.jpg"))]
    for kind, ((topics, qrels), pairs) in kinds.items():
        grades = {text: qrels.grades[qid] for qid, text in topics.items()}
        for text, path in pairs:
            others = random.choice([each for each in paths if not grades[text].get(each)], 3, replace=False)
            files = [images / each for each in (path, *others)]
            canvas, own = mosaic(files, int(random.integers(4)), random, encoder)
            found = {name: pointed(heat, own) for name, heat in maps(canvas, encoder, text).items()}
            yield {"kind": kind, "query": text, "path": path, "maps": found}


def all_maps(canvas: Image.Image, encoder: Encoder, text: str) -> Mapping[str, Map]:
    """Every kind of map."""
    return look(canvas, encoder).maps(encoder.encode_texts([text])[0], np.random.default_rng(SEED))


def sized_maps(canvas: Image.Image, encoder: Encoder, text: str) -> Mapping[str, Map]:
    """Our kind of map by windows of several sizes, and less what texts that say nothing score there."""
    [query], nothing = encoder.encode_texts([text]), encoder.encode_texts(BACKGROUND).mean(axis=0)
    parts = {f"{n * n} windows of {side:.2f}": look_at_parts(canvas, encoder, side, n) for side, n in SIZES}
    found = {name: heat_of(each, query).scores.astype(np.float64) for name, each in parts.items()}
    ours = parts[f"{WINDOWS_A_SIDE**2} windows of {WINDOW:.2f}"]
    return found | {"the default less background": heat_of(ours, query - nothing).scores.astype(np.float64)}


def tables(records: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The tables of docs/explain.md."""
    yield f"\n| Map | {' | '.join(TRIALS)} | points at it | hottest quarter in it |\n|---|---|---|---|---|---|"
    for name in MAPS:
        cells = [estimate(records, beats(name, trial)) for trial in TRIALS]
        cells += pointings(points, name)
        yield f"| {name} | {' | '.join(cells)} |"
    yield f"\n| Kind, `{MAPS[0]}` | pairs | {' | '.join(TRIALS)} | falls: hottest, coldest |\n|---|---|---|---|---|---|"
    for kind in dict.fromkeys(each["kind"] for each in records):
        own = [each for each in records if each["kind"] == kind]
        falls = np.mean([each["maps"][MAPS[0]][TRIALS[0]] for each in own], axis=0)
        cells = [estimate(own, beats(MAPS[0], trial)) for trial in TRIALS]
        yield f"| {kind} | {len(own)} | {' | '.join(cells)} | {falls[0]:.3f}, {falls[1]:.3f} |"
    for name in MAPS:
        falls = np.mean([[each["maps"][name][trial] for trial in TRIALS[:2]] for each in records], axis=0).ravel()
        yield f"{name}: falls by mean colour {falls[0]:.3f}, {falls[1]:.3f}; blurred {falls[2]:.3f}, {falls[3]:.3f}"


def sizes_table(points: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where windows of other sizes point."""
    yield "| Windows | points at it | hottest quarter in it |\n|---|---|---|"
    for name in points[0]["maps"]:
        yield f"| {name} | {' | '.join(pointings(points, name))} |"


def pointings(points: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """How often a kind of map points at the thing, and has its hottest quarter in it."""
    return [estimate(points, lambda each, at=at: each["maps"][name][at]) for at in (0, 1)]  # type: ignore[misc]


def beats(name: str, trial: str) -> Callable[[Mapping[str, Any]], float]:
    """Whether the hottest quarter did more than the coldest."""
    return lambda each: float(each["maps"][name][trial][0] > each["maps"][name][trial][1])


def estimate(records: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any]], float]) -> str:
    """A mean with its interval of 95 %; the pairs of one picture are drawn together."""
    values = np.array([[value(each)] for each in records])
    [low], [high] = bootstrap_interval(values, groups=[each["path"] for each in records])
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


def cost(encoder: Encoder, path: Path) -> str:
    """Processor time of one map, the least of five, decoding included; on one core it takes as long."""
    [query] = encoder.encode_texts(["a car"])
    took, again = [], []
    for _ in range(5):
        began = time.process_time()
        parts = look_at_parts(load(path, encoder), encoder)
        looked_at = time.process_time()
        heat_of(parts, query)
        took.append(looked_at - began)
        again.append(time.process_time() - looked_at)
    machine = f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    return f"one map: {min(took):.2f} s of processor time ({machine}); another query: {1000 * min(again):.1f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
