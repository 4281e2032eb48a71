"""The bytes of hostile pictures that no encoder would write."""

import struct
import zlib

from PIL import Image

from tests.images.pictures import encode, photo

BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><svg>&d;</svg>"""

NAMES = (
    "<img src=x onerror=alert(1)>.jpg",
    "'; DROP TABLE points; --.jpg",
    '"quoted" & <b>bold<.jpg',
    "new\nline.jpg",
    "tab\tand\rreturn.jpg",
    "%s%n%x{0}{__class__}.jpg",
    "$(touch owned)`touch owned`.jpg",
    "-rf.jpg",
    "~root.jpg",
    "..jpg",
    " .jpg",
    "\u202egpj.exe.jpg",
    "\u00e9.jpg",
    "e\u0301.jpg",
    "\U0001f4a9.jpg",
    "a" * 251 + ".jpg",
    "\x1b[31mred\x1b[0m.jpg",
    "back\\slash.jpg",
    "CON.jpg",
)
"""Markup, formats, commands and paths to somebody careless."""

ZEROS = {
    "JPEG": "too early",
    "PNG": "damaged",
    "WEBP": "damaged|indexed",
    "GIF": "damaged|indexed",
    "BMP": "indexed",
    "TIFF": "indexed",
    "AVIF": "indexed",
}
"""What becomes of a file whose second half is zeros: BMP and TIFF store pixels plainly, and zeros are black
ones; what AV1 makes of zeros is a picture to its decoder too."""


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))


def png(width: int, height: int, stream: bytes) -> bytes:
    """A grey PNG of 8 bits with this compressed stream."""
    header = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def with_chunk(name: bytes, content: bytes) -> bytes:
    """A good PNG with one more chunk behind its header."""
    whole = encode(photo(), "PNG")
    return whole[:33] + chunk(name, content) + whole[33:]


def looping_tiff() -> bytes:
    """A TIFF whose first page says that the next one is itself."""
    whole = bytearray(encode(photo(), "TIFF"))
    first = struct.unpack_from("<L", whole, 4)[0]
    count = struct.unpack_from("<H", whole, first)[0]
    struct.pack_into("<L", whole, first + 2 + 12 * count, first)
    return bytes(whole)


def negative_bmp() -> bytes:
    """A BMP with a width below zero."""
    whole = bytearray(encode(photo(), "BMP"))
    struct.pack_into("<l", whole, 18, -96)
    return bytes(whole)


def lying_exif() -> dict[str, bytes]:
    """EXIF blocks that are damaged, endless, or say what cannot be."""
    turned = Image.Exif()
    turned[0x0112] = 77
    dated = Image.Exif()
    dated[0x9003] = "9999:99:99 99:99:99"
    head = b"Exif\0\0"
    return {
        "no-such-turn": turned.tobytes(),
        "no-such-day": dated.tobytes(),
        "nonsense": head + b"\xde\xad\xbe\xef" * 40,
        "cut": head + b"II*\0\x08\0\0\0\xff\xff",
        "follows-itself": head
        + b"II*\0\x08\0\0\0\x01\0"
        + struct.pack("<HHLL", 0x8769, 4, 1, 8)
        + struct.pack("<L", 8),
        "far-away": head
        + b"II*\0\x08\0\0\0\x01\0"
        + struct.pack("<HHLL", 0x9003, 2, 0x7FFFFFFF, 0x7FFFFFF0)
        + bytes(4),
    }
