"""Which picture formats are read, told from the first bytes of a file: content decides, not the suffix."""

HEAD_BYTES = 64
"""As much of a file's beginning as these functions want to see."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".avif"}
)
"""A file called so is meant to be a picture; where it is none, its owner is told."""

FOREIGN_SUFFIXES = frozenset(
    {".heic", ".heif", ".jxl", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw"}
)
"""Photographs in formats that are not read. Camera raw begins as TIFF does, but the picture there is a tiny preview."""

_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})

_OTHER_CONTENT = (
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "XML, perhaps an SVG drawing"),
    (b"%pdf", "a PDF document"),
    (b"%!ps", "PostScript"),
    (b"8bps", "a Photoshop document"),
    (b"pk\3\4", "a zip archive"),
    (b"version https://git-lfs", "a Git LFS pointer (`git lfs pull` fetches the picture)"),
)


def sniff_format(head: bytes) -> str | None:
    """Pillow's name of the format that a file beginning with `head` has, or None where it is none of those read."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone begins many a text, so the size of the header that follows is looked at too.
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    brands = head[8 : int.from_bytes(head[:4], "big")]
    # HEIC has the same container, so a brand that both share is not enough.
    if head[4:8] == b"ftyp" and (b"avif" in brands or b"avis" in brands):
        return "AVIF"
    return None


def describe_content(head: bytes) -> str:
    """What a file that is no picture seems to be, in words for its owner."""
    if not head.strip(b"\0"):
        return "nothing but zero bytes"
    beginning = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, words in _OTHER_CONTENT:
        if beginning.startswith(magic):
            return words
    if head[4:8] == b"ftyp":
        return "HEIC or a film"
    return "text" if all(byte >= 32 or byte in b"\t\r\n\f" for byte in head) and head.isascii() else "unknown data"


def webp_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) of the canvas that a WebP file's header asks for, or None where the header is damaged.

    Layouts as in RFC 9649. It is read here because libwebp allocates the whole canvas when a file is opened.
    """
    chunk = head[12:16]
    if chunk == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if chunk == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and len(head) >= 30:
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None
