"""JPEG decoders in one thread: Pillow as the product uses it beside others from PyPI, and what changes in pixels.

`pip install simplejpeg PyTurboJPEG` for those that the product does not need; one that is not installed, or lacks its
library, is left out and named. Each way ends with the pixels that `lite` takes, so that a faster decoder counts only
for what it brings to the whole.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.speed.indexing import ADS, SAMPLE
from benchmarks.speed.indexing_stages import MAX_PIXELS, encoded
from benchmarks.speed.options import parser_of
from benchmarks.speed.pairs import Way, in_turn, times_faster
from benchmarks.speed.results import Bench, Result, note
from search_app.encoders.lite import LiteEncoder
from search_app.errors import ImageError
from search_app.images.decode import decode_bytes, read_image_file
from search_app.images.scan import scan_images

Decoder: TypeAlias = Callable[[bytes], Image.Image]
OURS = "the product: Pillow, at a reduced scale where that is exact enough"
FULL = "Pillow"


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    bench = Bench("decoding", results=arguments.results)
    lite = LiteEncoder()
    files = jpegs(arguments.pictures, arguments.count)
    ways, missing = decoders(lite.spec.image_size, files[0])
    note(f"{len(files)} pictures; not here: {', '.join(missing) or 'none'}")
    timed = in_turn(
        {
            f"{kind} {name}": _way(lite, files, decode, kind)
            for name, decode in ways.items()
            for kind in ("decode", "all")
        },
        rounds=arguments.rounds,
    )
    wanted = [np.asarray(ways[FULL](data)) for data in files]
    vectors = encoded(lite, np.stack([lite.prepare(ways[OURS](data)) for data in files]))
    figures: dict[str, Any] = {"pictures": len(files), "missing": missing, "ways": []}
    for name, decode in ways.items():
        found = [decode(data) for data in files]
        others = encoded(lite, np.stack([lite.prepare(image) for image in found]))
        one = {
            "name": name,
            "decode_ms": timed[f"decode {name}"].milliseconds(),
            "all_ms": timed[f"all {name}"].milliseconds(),
            "times_pillow": str(times_faster(timed[f"decode {name}"], timed[f"decode {FULL}"])),
            "pixels_off": _difference([np.asarray(image) for image in found], wanted),
            "least_cosine": round(float((vectors * others).sum(axis=1).min()), 6),
        }
        figures["ways"].append(one)
    place = {ADS: "../shared/ads/images", SAMPLE: "sample/images"}.get(arguments.pictures, "PICTURES")
    print(table(bench.write(figures, f"python -m benchmarks decoding {place}")))


def _arguments() -> argparse.Namespace:
    parser = parser_of("decoding", __doc__, quick="8 pictures, once")
    parser.add_argument("pictures", nargs="?", type=Path, default=ADS if ADS.is_dir() else SAMPLE, metavar="PICTURES")
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.count, arguments.rounds = 8, 1
    return arguments


def jpegs(folder: Path, count: int) -> list[bytes]:
    """The bytes of colour JPEGs of a folder that lie the way up they are stored, at equal distances."""
    found = []
    for ref in scan_images(folder).found:
        data = read_image_file(folder / ref.path)
        try:
            plain = decode_bytes(data, max_pixels=MAX_PIXELS)
        except ImageError:
            continue
        if plain.format == "JPEG" and Image.open(io.BytesIO(data)).mode == "RGB":
            found.append(data)
    return found[:: max(1, len(found) // count)][:count]


def decoders(size: tuple[int, int], trial: bytes) -> tuple[dict[str, Decoder], list[str]]:
    """Ways to decode by name, those of the product first, and the names of what does not decode `trial` here."""
    ways: dict[str, Decoder] = {
        OURS: lambda data: decode_bytes(data, min_size=size, max_pixels=MAX_PIXELS).image,
        FULL: lambda data: Image.open(io.BytesIO(data)).convert("RGB"),
    }
    missing = []
    for name, make in {
        "simplejpeg": _simplejpeg,
        "PyTurboJPEG": _turbojpeg,
        "torchvision": _torchvision,
        "OpenCV": _opencv,
    }.items():
        try:
            decode = make()
            decode(trial)
        except (ImportError, OSError, RuntimeError):  # the package, its library, or its operators are not there
            missing.append(name)
        else:
            ways[name] = decode
    return ways, missing


def _simplejpeg() -> Decoder:
    import simplejpeg

    return lambda data: Image.fromarray(simplejpeg.decode_jpeg(data))


def _turbojpeg() -> Decoder:
    import turbojpeg

    turbo = turbojpeg.TurboJPEG()
    return lambda data: Image.fromarray(turbo.decode(data, pixel_format=turbojpeg.TJPF_RGB))


def _torchvision() -> Decoder:
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    def decode(data: bytes) -> Image.Image:
        planes = decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB)
        return Image.fromarray(planes.permute(1, 2, 0).contiguous().numpy())

    return decode


def _opencv() -> Decoder:
    import cv2

    cv2.setNumThreads(1)

    def decode(data: bytes) -> Image.Image:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            raise ValueError("not a picture that OpenCV reads")
        return Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))

    return decode


def _way(lite: LiteEncoder, files: list[bytes], decode: Decoder, kind: str) -> Way:
    def run() -> int:
        for data in files:
            image = decode(data)
            if kind == "all":
                lite.prepare(image)
        return len(files)

    return run


def _difference(found: list[NDArray[np.uint8]], wanted: list[NDArray[np.uint8]]) -> float | None:
    """Mean difference in levels of 256; None where a picture has another size."""
    if any(one.shape != other.shape for one, other in zip(found, wanted, strict=True)):
        return None
    apart = [np.abs(one.astype(np.int16) - other).mean() for one, other in zip(found, wanted, strict=True)]
    return round(float(np.mean(apart)), 4)


def table(result: Result) -> str:
    """Every way beside Pillow."""
    lines = [
        "| Decoder | Decode, ms | With resize, ms | Times Pillow | Pixels off, levels | Least cosine |",
        "|---|---|---|---|---|---|",
    ]
    for one in result.figures["ways"]:
        off = "another scale" if one["pixels_off"] is None else one["pixels_off"]
        middle = f"{one['decode_ms']['p50']:.2f} | {one['all_ms']['p50']:.2f} | {one['times_pillow']}"
        lines.append(f"| {one['name']} | {middle} | {off} | {one['least_cosine']:.6f} |")
    missing = result.figures["missing"]
    return "\n".join(lines + ([f"\nNot installed: {', '.join(missing)}."] if missing else []))


if __name__ == "__main__":
    main()
