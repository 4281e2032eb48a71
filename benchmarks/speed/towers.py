"""The towers of a CLIP alone: open_clip as its README has it, ours in torch, and exported to ONNX Runtime.

Random weights of the true shapes, which take as long as trained ones. The plain way: `encode_image` of the model in
fp32 on float batches of 32, `encode_text` on 77 padded tokens. Opponents that fetch their models from a hub cannot run
here as they are; what most of them run (ONNX Runtime with its default settings, 77 tokens) is one of the ways. OpenVINO
takes part where it is installed (`pip install openvino`).
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.options import parser_of
from benchmarks.speed.pairs import Timed, each_call, in_turn, times_faster
from benchmarks.speed.plain_way import BATCH, PlainWay
from benchmarks.speed.results import Bench, Result, note
from benchmarks.speed.shapes import TINY_SIDE, open_random
from search_app.datatypes import FloatMatrix, PixelBatch
from search_app.encoders.lite_runtime import available_cores
from search_app.encoders.onnx_clip import OnnxClipEncoder
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.training.export.run import export_model

WORDS = {
    5: "big red car",
    10: "two dogs run along a beach at dusk",
    20: "the dog and the cat and the bird " * 2 + "sat by",
}
"""Tokens, with start and end, and a text that has as many."""
NOT_RUN = {
    "faster-clip 0.4": "takes its weights from a hub; its README says: texts as fast as in torch, pictures slower",
    "rclip, onnx-clip, modern-onnx-clip, fastembed": "take their models from a hub or a web site; what they run is the "
    "way `onnx, default settings`",
    "clip-cpp": "takes its weights from a hub",
}
Images = Callable[[PixelBatch], FloatMatrix]
Texts = Callable[[Sequence[str]], FloatMatrix]


@dataclass(frozen=True)
class Way:
    """One way through both towers."""

    images: Images
    texts: Texts


def plain_tower(plain: PlainWay, pixels: PixelBatch) -> Way:
    """What open_clip's README shows; the floats are made beforehand, since its transform is no part of the tower."""
    mean, std = (torch.tensor(plain.model.visual.preprocess_cfg[name]).reshape(3, 1, 1) for name in ("mean", "std"))
    floats = ((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std).contiguous()
    return Way(
        lambda _pixels: plain.encode_pixels(floats).numpy(),
        lambda sentences: plain.encode_text(sentences[0]).numpy(),
    )


def default_onnx_way(folder: Path, architecture: str) -> Way:
    """The exported files as most programs run them: default settings, padded tokens."""
    import onnxruntime

    providers = ["CPUExecutionProvider"]
    image, text = (
        onnxruntime.InferenceSession(folder / f"{tower}_tower.onnx", providers=providers) for tower in ("image", "text")
    )
    tokenizer = open_clip.get_tokenizer(architecture)
    return Way(
        lambda pixels: image.run(None, {"pixels": pixels})[0],
        lambda sentences: text.run(None, {"tokens": tokenizer(list(sentences)).numpy()})[0],
    )


def openvino_way(folder: Path, ours: OnnxClipEncoder) -> Way:
    """The exported files in OpenVINO, one request at a time on all cores, sentences cut as ours are."""
    import openvino

    core = openvino.Core()
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": available_cores()}
    image, text = (core.compile_model(folder / f"{tower}_tower.onnx", "CPU", options) for tower in ("image", "text"))

    def texts(sentences: Sequence[str]) -> FloatMatrix:
        return text([ours.tokens(sentences)])[0]

    return Way(lambda pixels: image([pixels])[0], texts)


def all_ways(architecture: str, home: Path, pixels: PixelBatch) -> tuple[dict[str, Way], dict[str, Any]]:
    """Every way that can run here, and what making the files took."""
    plain, source = open_random(architecture, home)
    made: dict[str, Any] = {}
    exported: dict[str, OnnxClipEncoder] = {}
    for precision in ("fp32", "int8"):
        folder = home / f"{architecture}-{precision}"
        if not folder.exists():
            note(f"exporting {architecture} in {precision}")
            started = time.perf_counter()
            parity = export_model(source, folder, precision, "", OnnxClipEncoder.load)
            size = sum(path.stat().st_size for path in folder.iterdir())
            made[precision] = asdict(parity) | {
                "seconds": round(time.perf_counter() - started, 1),
                "megabytes": round(size / 1e6),
            }
        exported[precision] = OnnxClipEncoder.load(f"onnx:{folder}")
    ours = OpenClipEncoder.load(source, device="cpu")
    ways = {
        "plain": plain_tower(plain, pixels),
        f"torch {ours.spec.precision}": Way(ours.encode_images, ours.encode_texts),
        "onnx, default settings": default_onnx_way(home / f"{architecture}-fp32", architecture),
        **{f"onnx {name}": Way(each.encode_images, each.encode_texts) for name, each in exported.items()},
    }
    if find_spec("openvino"):
        ways["openvino fp32"] = openvino_way(home / f"{architecture}-fp32", exported["fp32"])
    return ways, made


def measure(ways: dict[str, Way], pixels: PixelBatch, rounds: int, calls: int) -> dict[str, Any]:
    """Both towers by every way, in turn."""

    def images(way: Way) -> Callable[[], int]:
        return lambda: len(way.images(pixels))

    note("image towers")
    figures: dict[str, Any] = {
        "images": told(in_turn({name: images(way) for name, way in ways.items()}, rounds=rounds))
    }
    for length, text in WORDS.items():
        note(f"text towers, {length} tokens")
        for way in ways.values():
            way.texts([text])
        timed = each_call({name: [partial(way.texts, [text])] * calls for name, way in ways.items()})
        figures[f"texts of {length} tokens"] = told(timed)
    plain = ways["plain"]
    figures["least cosine to the plain way"] = {
        name: {
            "images": float((way.images(pixels) * plain.images(pixels)).sum(axis=1).min()),
            "texts": min(float((way.texts([text]) * plain.texts([text])).sum()) for text in WORDS.values()),
        }
        for name, way in ways.items()
    }
    return figures


def told(timed: dict[str, Timed]) -> dict[str, Any]:
    """Milliseconds a picture or a sentence, and how many times faster than the plain way."""
    return {
        name: each.milliseconds() | {"times_faster": asdict(times_faster(each, timed["plain"]))}
        for name, each in timed.items()
    }


def table(result: Result) -> str:
    """Every target of the towers beside what was measured."""
    figures = result.figures
    rows = [
        "| what | way | measured | times the plain way (95 %) | target | least cosine |",
        "|---|---|---|---|---|---|",
    ]
    for what, ways in figures["measured"].items():
        if what.startswith("least"):
            continue
        kind = "images" if what == "images" else "texts"
        for name, each in ways.items():
            speed = f"{1000 / each['p50']:.1f} images/s" if kind == "images" else f"{each['p50']:.1f} ms"
            ratio = each["times_faster"]
            times = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
            target = "" if name == "plain" else ">= 2 with decoding" if kind == "images" else ">= 5 with the search"
            cosine = figures["measured"]["least cosine to the plain way"][name][kind]
            rows.append(f"| {what} | {name} | {speed} | {times} | {target} | {cosine:.5f} |")
    notes = [f"{figures['architecture']}, random weights of its shapes. Not run:"]
    notes += [f"{name} ({why});" for name, why in figures["not_run"].items()]
    return "\n".join([*rows, "", " ".join(notes).rstrip(";") + "."])


def main() -> None:
    """Measure and keep."""
    parser = parser_of("towers", __doc__, quick="a tiny model: only whether it works")
    parser.add_argument("--architecture", default="ViT-B-32", help="of open_clip (default ViT-B-32)")
    parser.add_argument("--home", type=Path, help="folder that keeps the exported files for the next run (1 GB)")
    parser.add_argument("--rounds", type=int, default=4, help="over the image towers (default 4)")
    parser.add_argument("--calls", type=int, default=20, help="of each text tower (default 20)")
    given = parser.parse_args()
    bench = Bench("towers", results=given.results)
    with tempfile.TemporaryDirectory() as temporary:
        home = given.home or Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        architecture = "tiny-clip" if given.quick else given.architecture
        side = TINY_SIDE if given.quick else open_clip.get_model_config(architecture)["vision_cfg"]["image_size"]
        pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8)
        ways, made = all_ways(architecture, home, pixels)
        rounds, calls = (1, 3) if given.quick else (given.rounds, given.calls)
        measured = measure(ways, pixels, rounds, calls)
    figures = {"architecture": architecture, "exports": made, "measured": measured, "not_run": NOT_RUN}
    options = ["--quick"] if given.quick else ["--rounds", str(rounds), "--calls", str(calls)]
    result = bench.write(figures, " ".join(["python -m benchmarks towers", *options]))
    print(table(result))
    print(result.where, file=sys.stderr)


if __name__ == "__main__":
    main()
