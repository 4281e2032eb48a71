"""Indexing a folder: the product from file to commit beside the plain way, its tower alone and its decoders alone.

`lite` indexes all pictures, ViT-B/32 some of them, in turn with `plain_way`. Its weights are random and of the true
shapes: that is fair for speed. Models are opened before the clock starts, in every way; files come from the page cache.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient

from benchmarks.speed.indexing_stages import MAX_PIXELS, Stages, encoded
from benchmarks.speed.options import parser_of
from benchmarks.speed.pairs import Timed, Way, in_turn, times_faster
from benchmarks.speed.plain_way import ARCHITECTURE, PlainWay
from benchmarks.speed.results import Bench, Result, note
from search_app.datatypes import PixelBatch
from search_app.encoders.base import Encoder
from search_app.images.scan import scan_images
from search_app.index.edge.store import EdgeStore
from search_app.ingest.ahead import prepare_ahead
from search_app.ingest.pipeline import IngestOptions, run_ingest
from search_app.ingest.plan import Embed
from search_app.ingest.prepare import Preparation
from search_app.settings import load_settings
from search_app.sources.folder import FolderSource
from search_app.wiring import open_encoder

ROOT = Path(__file__).parents[2]
ADS, SAMPLE = ROOT.parent / "shared" / "ads" / "images", ROOT / "sample" / "images"
INDEX, PLAIN, TOWER, DECODERS = "index", "plain way", "tower alone", "decoders alone"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("indexing", results=arguments.results)
    rounds = 1 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        lite = Collection.of(open_encoder(load_settings(model="lite")), arguments.pictures, arguments.count, home)
        note(f"lite over {len(lite.files)} pictures, {rounds} rounds")
        figures: dict[str, Any] = {"lite": lite.measured({}, rounds)}
        if not arguments.quick:
            plain = PlainWay.open()
            vit = Collection.of(_vit(plain, arguments.model, home), arguments.pictures, arguments.vit_count, home)
            note(f"ViT-B/32 over {len(vit.files)} pictures, {rounds} rounds")
            way = {PLAIN: lambda: plain.index(vit.files, QdrantClient(":memory:"))}
            figures[ARCHITECTURE] = vit.measured(way, rounds)
    print(table(bench.write(figures, _command(arguments))))


def _arguments() -> argparse.Namespace:
    parser = parser_of("indexing", __doc__, quick="lite over 8 pictures, once")
    parser.add_argument("pictures", nargs="?", type=Path, default=ADS if ADS.is_dir() else SAMPLE, metavar="PICTURES")
    parser.add_argument("--count", type=int, default=0, help="pictures for lite; 0 is all")
    parser.add_argument("--vit-count", type=int, default=96, help="pictures for ViT-B/32")
    parser.add_argument("--model", default="", help="the product's ViT-B/32; the default has the plain way's weights")
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count = 8
    return arguments


def _command(arguments: argparse.Namespace) -> str:
    options = [f"--model {arguments.model}"] if arguments.model else []
    options += ["--quick"] if arguments.quick else []
    places = {ADS: "../shared/ads/images", SAMPLE: "sample/images"}
    return " ".join(["python -m benchmarks indexing", places.get(arguments.pictures, "PICTURES"), *options])


def _vit(plain: PlainWay, model: str, home: Path) -> Encoder:
    if not model:
        plain.save(home / "random.pt")
        model = f"{ARCHITECTURE}/{home / 'random.pt'}"
    return open_encoder(load_settings(model=model, device="cpu"))


@dataclass(frozen=True)
class Collection:
    """Pictures in a folder of their own and the encoder that they meet."""

    encoder: Encoder
    folder: Path
    files: list[Path]
    home: Path
    """For indexes."""

    @classmethod
    def of(cls, encoder: Encoder, source: Path, count: int, home: Path) -> "Collection":
        """Take pictures at equal distances from those of a folder; 0 takes all."""
        refs = scan_images(source).found
        step = max(1, len(refs) // count) if count else 1
        folder = home / f"{encoder.spec.dim}"
        folder.mkdir()
        for ref in refs[::step][: count or None]:
            shutil.copy2(source / ref.path, folder / ref.path.replace("/", "-"))
        return cls(encoder, folder, [folder / ref.path for ref in scan_images(folder).found], home)

    def measured(self, others: dict[str, Way], rounds: int) -> dict[str, Any]:
        """Whole runs in turn with other ways, and then the stages one by one."""
        refs = scan_images(self.folder).found
        preparation = Preparation(FolderSource(self.folder), self.encoder, MAX_PIXELS)
        stages = Stages(self.encoder, self.folder)
        pictures, pixels = stages.prepare(refs)
        stages.store(pictures, stages.tower(pixels))
        timed = in_turn(
            {INDEX: self.indexed, **others, TOWER: self._tower(pixels), DECODERS: self._decoders(preparation)},
            rounds=rounds,
            warm=0 if rounds == 1 else 1,
        )
        figures: dict[str, Any] = {
            "pictures": len(refs),
            "model": self.encoder.spec.name.partition("/")[0],
            "precision": self.encoder.spec.precision,
            "stages_ms": [[name, round(1000 * seconds / len(refs), 3)] for name, seconds in stages.seconds.items()],
            "ms": {name: one.milliseconds() for name, one in timed.items()},
            "per_second": {name: round(1 / one.median, 2) for name, one in timed.items()},
            "share_of_tower": _share(timed[TOWER], timed[INDEX]),
            "share_of_decoders": _share(timed[DECODERS], timed[INDEX]),
        }
        if PLAIN in timed:
            figures["times_plain"] = str(times_faster(timed[INDEX], timed[PLAIN]))
        return figures

    def indexed(self) -> int:
        """One run of the product into a fresh collection, from the scan to the last commit."""
        with tempfile.TemporaryDirectory(dir=self.home) as place:
            store = EdgeStore(Path(place), "speed")
            report = run_ingest(self.folder, self.encoder, store, IngestOptions(MAX_PIXELS), lambda *_: None)
        return report.indexed

    def _tower(self, pixels: PixelBatch) -> Callable[[], int]:
        return lambda: len(encoded(self.encoder, pixels))

    def _decoders(self, preparation: Preparation) -> Callable[[], int]:
        workers = IngestOptions(MAX_PIXELS).threads
        items = [Embed(ref, None) for ref in scan_images(self.folder).found]
        return lambda: sum(1 for _ in prepare_ahead(preparation.run, items, workers=workers, ahead=2 * workers))


def _share(whole: Timed, part: Timed) -> float:
    """How much of the rate of `whole` the rate of `part` is, 0 to 1."""
    return round(whole.median / part.median, 3)


def table(result: Result) -> str:
    """The figures beside their targets."""
    lite, vit = result.figures["lite"], result.figures.get(ARCHITECTURE)
    rows = [
        "| What | Target | Measured | To the plain way | Note |",
        "|---|---|---|---|---|",
        _row(
            "`lite`, pictures a second", "45", lite["per_second"][INDEX], "", f"{lite['pictures']} pictures, to commit"
        ),
        _row("`lite`, share of its tower alone", "90 %", _percent(lite), "", _alone(lite)),
    ]
    if vit:
        spread = vit["ms"][PLAIN]
        rows += [
            _row(
                f"{vit['model']} {vit['precision']}, pictures a second",
                "2 x the plain way",
                vit["per_second"][INDEX],
                vit["times_plain"],
                f"plain: {vit['per_second'][PLAIN]} a second ({spread['low']} to {spread['high']} ms a picture)",
            ),
            _row(f"{vit['model']}, share of its tower alone", "90 %", _percent(vit), "", _alone(vit)),
        ]
    return "\n".join([*rows, "", *_stages(lite, vit)])


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _percent(figures: dict[str, Any]) -> str:
    return f"{100 * figures['share_of_tower']:.0f} %"


def _alone(figures: dict[str, Any]) -> str:
    rates = figures["per_second"]
    return f"tower alone {rates[TOWER]} a second, decoders alone {rates[DECODERS]}, both on all cores"


def _stages(lite: dict[str, Any], vit: dict[str, Any] | None) -> list[str]:
    heads = ["`lite`", vit["model"]] if vit else ["`lite`"]
    columns = [dict(one["stages_ms"]) for one in (lite, vit) if one]
    lines = [_row("Stage, one after another, ms a picture", *heads), "|---" * (1 + len(columns)) + "|"]
    return lines + [_row(stage, *(f"{column[stage]:.2f}" for column in columns)) for stage in columns[0]]


if __name__ == "__main__":
    main()
