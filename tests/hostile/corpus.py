"""Nasty files, and what has to become of each: `python -m tests.hostile.corpus FOLDER` writes them.

Every entry is made by a program, so that nobody has to trust a folder of hostile binaries, and says what `index` has to
do with it: index it, report it with a reason, or pass it over in silence because nobody meant it to be a picture.
"""

import os
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, PngImagePlugin

from tests.hostile import bytes_of
from tests.images.pictures import encode, photo, promising

INDEXED, PASSED_OVER = "indexed", "passed over"
Write = Callable[[Path], object]


@dataclass(frozen=True)
class Nasty:
    """One file: its name below the folder, what makes it, and what becomes of it."""

    name: str | bytes
    write: Write
    outcome: str
    """`INDEXED`, `PASSED_OVER`, or a regular expression that its reason matches."""

    @property
    def shown(self) -> str:
        """Its path as a report has it."""
        return os.fsencode(self.name).decode("utf-8", "backslashreplace")


def data(content: bytes) -> Write:
    """Writes these bytes."""
    return lambda path: path.write_bytes(content)


def corpus() -> list[Nasty]:
    """All of them."""
    return [*bombs(), *truncated(), *not_pictures(), *odd_pictures(), *liars(), *names(), *places()]


def bombs() -> Iterator[Nasty]:
    """Small files that ask for much: by the size in the header, by compression, by frames, by what lies beside."""
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        yield Nasty(f"bomb-size-{kind.lower()}.jpg", data(promising(kind, 50_000)), "pixels, the limit is")
    yield Nasty("bomb-zlib.png", data(bytes_of.png(9_000, 9_000, zlib.compress(bytes(9_001 * 9_000), 9))), INDEXED)
    yield Nasty("bomb-too-much-zlib.png", data(bytes_of.png(8, 8, zlib.compress(bytes(2**26), 9))), INDEXED)
    # Each takes a few hundred kilobytes here, and up to 2 GB where it is made RGB the plain way.
    yield Nasty("giant-clear.png", data(encode(Image.new("RGBA", (9_000, 9_000), (9, 9, 9, 9)), "PNG")), INDEXED)
    yield Nasty("giant-deep.png", data(encode(Image.new("I;16", (9_000, 9_000), 30_000), "PNG")), INDEXED)
    yield Nasty("bomb-text.png", data(bytes_of.with_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**26)))), "damaged")
    many = PngImagePlugin.PngInfo()
    for number in range(2_000):
        many.add_text(f"k{number}", "x" * 400, zip=True)
    yield Nasty("bomb-many-texts.png", data(encode(photo(), "PNG", pnginfo=many)), INDEXED)
    profile = b"icc\0\0" + zlib.compress(bytes(2**26), 9)
    yield Nasty("bomb-icc.png", data(bytes_of.with_chunk(b"iCCP", profile)), "damaged")
    yield Nasty("icc-nonsense.jpg", data(encode(photo(), "JPEG", icc_profile=b"\xff" * 60_000)), INDEXED)
    frames = [Image.new("P", (64, 64), number % 256) for number in range(3_000)]
    yield Nasty("frames.gif", data(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])), INDEXED)
    first = photo()
    yield Nasty("frames.png", data(encode(first, "PNG", save_all=True, append_images=[first] * 300)), INDEXED)
    yield Nasty("frames.webp", data(encode(first, "WEBP", save_all=True, append_images=[first] * 60)), INDEXED)
    yield Nasty("pages.tif", data(encode(first, "TIFF", save_all=True, append_images=[first] * 300)), INDEXED)
    yield Nasty("page-that-follows-itself.tif", data(bytes_of.looping_tiff()), INDEXED)


def truncated() -> Iterator[Nasty]:
    """Cut at each structure, filled up with zeros, or emptied."""
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"):
        whole = encode(photo(400, 300), kind)
        suffix = kind.lower()
        yield Nasty(f"cut-head.{suffix}", data(whole[:20]), "damaged|not a picture|ends too early")
        yield Nasty(f"cut-half.{suffix}", data(whole[: len(whole) // 2]), "damaged|too early")
        yield Nasty(
            f"zeros-from-half.{suffix}", data(whole[: len(whole) // 2].ljust(len(whole), b"\0")), bytes_of.ZEROS[kind]
        )
    whole = encode(photo(400, 300), "JPEG")
    for name, marker in (
        ("quantisation", b"\xff\xdb"),
        ("frame", b"\xff\xc0"),
        ("huffman", b"\xff\xc4"),
        ("scan", b"\xff\xda"),
    ):
        yield Nasty(f"cut-at-{name}.jpg", data(whole[: whole.index(marker) + 6]), "damaged|too early")
    yield Nasty("lacks-its-end.jpg", data(whole[:-2]), INDEXED)
    yield Nasty("empty.jpg", data(b""), "the file is empty")
    yield Nasty("zeros.jpg", data(bytes(10_000)), "nothing but zero bytes")


def not_pictures() -> Iterator[Nasty]:
    """Other content under the name of a picture."""
    script = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>"
    yield Nasty("drawing.jpg", data(script), "an SVG drawing")
    yield Nasty("page.jpg", data(b"<!DOCTYPE html><script>alert(1)</script>"), "a web page")
    yield Nasty("entities.png", data(bytes_of.BILLION_LAUGHS), "XML")
    yield Nasty("document.gif", data(b"%PDF-1.7\n" + b"0 " * 300), "a PDF document")
    yield Nasty("postscript.tif", data(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"), "PostScript")
    yield Nasty("archive.png", data(b"PK\3\4" + bytes(300)), "a zip archive")
    yield Nasty("program.bmp", data(b"\x7fELF\2\1\1" + bytes(300)), "unknown data")
    yield Nasty("text.webp", data(b"just text\n" * 30), "text")
    yield Nasty("layers.png", data(b"8BPS\0\1" + bytes(60)), "a Photoshop document")
    yield Nasty("page.html", data(b"<html></html>"), PASSED_OVER)
    yield Nasty("phone.heic", data(b"\0\0\0\x18ftypheic" + bytes(200)), "HEIC format are not read")


def odd_pictures() -> Iterator[Nasty]:
    """Unusual, and pictures all the same."""
    picture = photo()
    yield Nasty("cmyk.jpg", data(encode(picture.convert("CMYK"), "JPEG")), INDEXED)
    yield Nasty("sixteen-bits.png", data(encode(Image.new("I;16", (90, 60), 30_000), "PNG")), INDEXED)
    yield Nasty("one-bit.tif", data(encode(picture.convert("1"), "TIFF", compression="group4")), INDEXED)
    yield Nasty("floats.tif", data(encode(Image.new("F", (90, 60), 0.5), "TIFF")), INDEXED)
    yield Nasty("palette.png", data(encode(picture.convert("P"), "PNG", transparency=3)), INDEXED)
    yield Nasty("clear.png", data(encode(Image.new("RGBA", (90, 60), (9, 9, 9, 0)), "PNG")), INDEXED)
    yield Nasty("dot.png", data(encode(Image.new("RGB", (1, 1)), "PNG")), INDEXED)
    yield Nasty("thread.png", data(encode(Image.new("RGB", (1, 60_000)), "PNG")), INDEXED)
    yield Nasty("wide.png", data(encode(Image.new("RGB", (60_000, 1)), "PNG")), INDEXED)
    yield Nasty("polyglot.jpg", data(encode(picture, "JPEG") + b"PK\3\4<script>alert(1)</script>"), INDEXED)
    yield Nasty("really-a-png.jpg", data(encode(picture, "PNG")), INDEXED)
    yield Nasty("no-suffix", data(encode(picture, "JPEG")), INDEXED)


def liars() -> Iterator[Nasty]:
    """EXIF, sizes and checksums that are not true."""
    picture = photo()
    for name, exif in bytes_of.lying_exif().items():
        yield Nasty(f"exif-{name}.jpg", data(encode(picture, "JPEG", exif=exif)), INDEXED)
    whole = encode(picture, "PNG")
    wrong = bytearray(whole)
    wrong[29] ^= 0xFF
    yield Nasty("wrong-checksum.png", data(bytes(wrong)), "damaged")
    yield Nasty("no-pixels.png", data(bytes_of.png(0, 0, zlib.compress(b""))), "damaged|pixels")
    yield Nasty("negative.bmp", data(bytes_of.negative_bmp()), "damaged|pixels")


def names() -> Iterator[Nasty]:
    """Names that are markup, formats, commands or paths to somebody careless."""
    good = data(encode(photo(), "JPEG"))
    for name in bytes_of.NAMES:
        yield Nasty(name, good, PASSED_OVER if name.startswith(".") else INDEXED)
    yield Nasty("bad\nname \x1b[31m <b>.jpg", data(b""), "the file is empty")
    yield Nasty(b"not-utf8-\xff\xfe.jpg", good, "not valid UTF-8")
    deep = "/".join(["d" * 50] * 20)
    yield Nasty(f"{deep}/deep.jpg", good, INDEXED)


def places() -> Iterator[Nasty]:
    """Links, FIFOs, sockets, devices."""
    yield Nasty("leaves.jpg", lambda path: path.symlink_to("/etc/passwd"), "a link out of the indexed folder")
    yield Nasty("leaves-folder", lambda path: path.symlink_to("/etc"), "a link out of the indexed folder")
    yield Nasty("nowhere.jpg", lambda path: path.symlink_to("gone.jpg"), "does not exist")
    yield Nasty("itself.jpg", lambda path: path.symlink_to(path.name), "loop")
    yield Nasty("loop", lambda path: path.symlink_to(".", target_is_directory=True), "loop")
    yield Nasty("device.jpg", lambda path: path.symlink_to("/dev/zero"), "a link out of the indexed folder")
    yield Nasty("fifo.jpg", os.mkfifo, "never opened")
    yield Nasty("socket.jpg", bind, "never opened")
    yield Nasty("folder.jpg/inner.jpg", data(encode(photo(), "JPEG")), INDEXED)
    yield Nasty("sparse.jpg", sparse, "GiB")


def bind(path: Path) -> None:
    """A Unix socket; its name is given relative to its folder, as it may not be long."""
    before = os.open(".", os.O_RDONLY)
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.fchdir(before)
        os.close(before)


def sparse(path: Path) -> None:
    """A file of 20 GiB that takes no room."""
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(20 * 2**30)


def write(folder: Path) -> list[Nasty]:
    """Write the corpus into a folder."""
    made = corpus()
    for nasty in made:
        path = folder / os.fsdecode(nasty.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        nasty.write(path)
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]))
