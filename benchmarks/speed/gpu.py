"""The torch encoder by batch size: where the time of a batch goes, from bytes of JPEG to a vector.

The same code on CUDA and on the CPU. Random weights of the true shapes. What CUDA gives was never measured: no GPU was
at hand. A run on the CPU shows that the code is sound, and nothing about a GPU.
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.options import parser_of
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.shapes import open_random
from search_app.datatypes import PixelArray
from search_app.encoders.lite_runtime import available_cores
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_package import torch

PICTURE = (640, 480)
GOALS = {"jpeg": 10_000, "tower": 40_000}
"""Images a second with ViT-B/32 on one H200."""


def jpegs(count: int) -> list[bytes]:
    """Pictures in memory, with as much detail as photographs have."""
    drawn = np.random.default_rng(0)
    made = []
    for _ in range(count):
        coarse = drawn.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(coarse).resize(PICTURE, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=85)
        made.append(stream.getvalue())
    return made


def decode(content: bytes, encoder: OpenClipEncoder) -> PixelArray:
    """From a JPEG to what the tower takes, at the scale that suits it."""
    with Image.open(io.BytesIO(content)) as image:
        side = max(encoder.spec.image_size)
        image.draft("RGB", (side, side))
        return encoder.prepare(image.convert("RGB"))


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


def measure(encoder: OpenClipEncoder, batch: int, repeat: int) -> dict[str, float]:
    """Images a second of each stage alone, and of all together, at one batch size."""
    device = encoder.spec.device
    pictures = jpegs(min(batch, 64))
    pixels = np.stack([decode(pictures[i % len(pictures)], encoder) for i in range(batch)])
    uploaded = encoder.upload(pixels)
    cores = available_cores()
    with ThreadPoolExecutor(cores) as pool:

        def from_jpeg() -> None:
            """Threads decode the next batch while this one is encoded."""
            ahead = [pool.submit(decode, pictures[i % len(pictures)], encoder) for i in range(2 * batch)]
            for part in (ahead[:batch], ahead[batch:]):
                encoder.encode_images(np.stack([one.result() for one in part]))

        def decode_all() -> None:
            list(pool.map(decode, pictures, [encoder] * len(pictures)))

        return {
            "decode": len(pictures) / seconds(decode_all, repeat, "cpu"),
            "upload": batch / seconds(lambda: encoder.upload(pixels), repeat, device),
            "tower": batch / seconds(lambda: encoder.image_features(uploaded), repeat, device),
            "encode": batch / seconds(lambda: encoder.encode_images(pixels), repeat, device),
            "jpeg": 2 * batch / seconds(from_jpeg, repeat, device),
        }


def table(result: Result) -> str:
    """By batch size: images a second of every stage."""
    figures: dict[str, Any] = result.figures
    rows = [
        "| batch | decode | upload | tower | upload, tower, download | from JPEG in memory |",
        "|---|---|---|---|---|---|",
    ]
    for batch, each in figures["batches"].items():
        stages = (each[name] for name in ("decode", "upload", "tower", "encode", "jpeg"))
        rows.append(f"| {batch} | " + " | ".join(f"{value:,.1f}" for value in stages) + " |")
    where = f"{figures['architecture']} in {figures['precision']} on {figures['device']}"
    goals = f"goals on one H200: {GOALS['tower']:,} of the tower, {GOALS['jpeg']:,} from JPEG"
    unmeasured = "" if figures["device"] == "cuda" else " Nothing here was measured on a GPU."
    return "\n".join([*rows, "", f"Images a second, random weights, {where}; {goals}.{unmeasured}"])


def main() -> None:
    """Measure and keep."""
    parser = parser_of("gpu", __doc__, quick="a tiny model and tiny batches: only whether it works")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--architecture", default="ViT-B-32", help="of open_clip (default ViT-B-32)")
    parser.add_argument("--batches", default="32,128,256,512,1024", help="batch sizes, with commas")
    parser.add_argument("--repeat", type=int, default=10)
    given = parser.parse_args()
    bench = Bench("gpu", results=given.results)
    architecture = "tiny-clip" if given.quick else given.architecture
    batches, repeat = ("2,4", 2) if given.quick else (given.batches, given.repeat)
    measured = {}
    with tempfile.TemporaryDirectory() as temporary:
        _, name = open_random(architecture, Path(temporary))
        encoder = OpenClipEncoder.load(name, device=given.device)
    for batch in map(int, batches.split(",")):
        note(f"batches of {batch}")
        measured[str(batch)] = {stage: round(rate, 1) for stage, rate in measure(encoder, batch, repeat).items()}
    spec = encoder.spec
    figures = {"architecture": architecture, "device": spec.device, "precision": spec.precision, "batches": measured}
    if spec.device == "cuda":
        figures["gpu"] = torch.cuda.get_device_name()
    options = [
        "--device",
        given.device,
        *(["--quick"] if given.quick else ["--batches", batches, "--repeat", str(repeat)]),
    ]
    result = bench.write(figures, " ".join(["python -m benchmarks gpu", *options]))
    print(table(result))
    print(result.where, file=sys.stderr)


if __name__ == "__main__":
    main()
