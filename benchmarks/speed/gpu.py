"""The torch encoder on a GPU: where the time of a batch goes, and how fast files of JPEG become vectors.

The same code on CUDA and on the CPU, after the plain way on the same device. Random weights of the true shapes.
A run on the CPU shows that the code is sound, and nothing about a GPU.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.options import parser_of
from benchmarks.speed.plain_way import BATCH, PlainWay
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.shapes import open_random
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_package import torch
from search_app.ingest.engine import IngestOptions, LocalEngine
from search_app.ingest.plan import plan_run
from search_app.sources.folder import FolderSource

PICTURE = (640, 480)
GOALS = {"files": 10_000, "tower": 40_000}
"""Images a second with ViT-B/32 on one H200."""
STAGES = {"upload": "upload", "tower": "tower", "encode": "upload, tower, download"}
WAYS = {"plain": "the plain way", "ours": "an index run, to vectors"}


def write_jpegs(folder: Path, count: int) -> FolderSource:
    """So many files, 64 different ones, with as much detail as photographs have."""
    drawn = np.random.default_rng(0)
    folder.mkdir()
    for number in range(64):
        coarse = drawn.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(coarse).resize(PICTURE, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=85)
        for copy in range(number, count, 64):
            (folder / f"{copy:06d}.jpg").write_bytes(stream.getvalue())
    return FolderSource(folder)


def seconds(work: Callable[[], object], repeat: int, device: str) -> float:
    """The median of single runs, each until the device is done."""
    took = []
    for number in range(repeat + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if number:  # the first one is a warm one
            took.append(time.perf_counter() - started)
    return float(np.median(took))


def stages(encoder: OpenClipEncoder, batch: int, repeat: int) -> dict[str, float]:
    """Images a second of each stage of the encoder alone, and of them together, at one batch size."""
    device = encoder.spec.device
    pixels = np.random.default_rng(0).integers(0, 256, (batch, *encoder.spec.image_size, 3), dtype=np.uint8)
    uploaded = encoder.upload(pixels)
    return {
        "upload": batch / seconds(lambda: encoder.upload(pixels), repeat, device),
        "tower": batch / seconds(lambda: encoder.image_features(uploaded), repeat, device),
        "encode": batch / seconds(lambda: encoder.encode_images(pixels), repeat, device),
    }


def ways(encoder: OpenClipEncoder, plain: PlainWay, folder: FolderSource) -> dict[str, float]:
    """Files a second that become vectors, by each way; ours reads, hashes and describes them besides."""
    items = plan_run(folder.scan().found, [], lambda _: None).embed
    paths = [Path(folder.location) / item.ref.path for item in items[: max(BATCH, len(items) // 10)]]
    device = encoder.spec.device
    plain.model.to(device)

    def plainly() -> None:
        for start in range(0, len(paths), BATCH):
            pixels = torch.stack([plain.transform(Image.open(path)) for path in paths[start : start + BATCH]])
            plain.encode_pixels(pixels.to(device)).tolist()

    def ours() -> None:
        for _ in LocalEngine(folder, encoder, IngestOptions(max_pixels=10**8)).encoded(items):
            pass

    return {"plain": len(paths) / seconds(plainly, 1, device), "ours": len(items) / seconds(ours, 1, device)}


def table(result: Result) -> str:
    """Images a second: of every stage by batch size, and of files by each way."""
    figures: dict[str, Any] = result.figures
    rows = [f"| batch | {' | '.join(STAGES.values())} |", "|---|---|---|---|"]
    for batch, each in sorted(figures["batches"].items(), key=lambda one: int(one[0])):
        rows.append(f"| {batch} | " + " | ".join(f"{each[name]:,.0f}" for name in STAGES) + " |")
    rows += ["", f"| {figures['files']:,} files of JPEG | a second | to the plain way |", "|---|---|---|"]
    for name, words in WAYS.items():
        rate = figures["ways"][name]
        rows.append(f"| {words} | {rate:,.0f} | {rate / figures['ways']['plain']:.1f} |")
    where = f"{figures['architecture']} in {figures['precision']} on {figures.get('gpu', figures['device'])}"
    goals = f"goals on one H200: {GOALS['tower']:,} of the tower, {GOALS['files']:,} of JPEG"
    unmeasured = "" if figures["device"] == "cuda" else " Nothing here was measured on a GPU."
    return "\n".join([*rows, "", f"Images a second, random weights, {where}; {goals}.{unmeasured}"])


def main() -> None:
    """Measure and keep."""
    parser = parser_of("gpu", __doc__, quick="a tiny model, tiny batches and few files: only whether it works")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--architecture", default="ViT-B-32", help="of open_clip (default ViT-B-32)")
    parser.add_argument("--batches", default="32,128,256,512,1024", help="batch sizes, with commas")
    parser.add_argument("--files", type=int, default=20_000, help="files of JPEG (default 20,000)")
    parser.add_argument("--repeat", type=int, default=10)
    given = parser.parse_args()
    bench = Bench("gpu", results=given.results)
    architecture = "tiny-clip" if given.quick else given.architecture
    batches, files, repeat = ("2,4", 64, 2) if given.quick else (given.batches, given.files, given.repeat)
    with tempfile.TemporaryDirectory() as temporary:
        plain, name = open_random(architecture, Path(temporary))
        encoder = OpenClipEncoder.load(name, device=given.device)
        measured = {}
        for batch in batches.split(","):
            note(f"batches of {batch}")
            measured[batch] = {name: round(rate, 1) for name, rate in stages(encoder, int(batch), repeat).items()}
        note(f"{files} files")
        by_way = ways(encoder, plain, write_jpegs(Path(temporary) / "pictures", files))
    spec = encoder.spec
    figures = {
        "architecture": architecture,
        "device": spec.device,
        "precision": spec.precision,
        "batches": measured,
        "files": files,
        "ways": {name: round(rate, 1) for name, rate in by_way.items()},
    }
    if spec.device == "cuda":
        figures["gpu"] = torch.cuda.get_device_name()
    sizes = ["--quick"] if given.quick else ["--batches", batches, "--files", str(files), "--repeat", str(repeat)]
    result = bench.write(figures, " ".join(["python -m benchmarks gpu", "--device", given.device, *sizes]))
    print(table(result))
    print(result.where, file=sys.stderr)


if __name__ == "__main__":
    main()
