"""Tells the format of a picture from its first bytes: names and types of files are often wrong.

It loads neither Django nor Pillow: processes with limits use it too.
"""

from __future__ import annotations

# Formats that stories take, with the ending of their files.
ENDINGS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WebP": "webp"}
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
# Brands of ISO/IEC 23008-12 and of AVIF, which are both in the container of ISO/IEC 14496-12.
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_AVIF = frozenset((b"avif", b"avis"))
# Bytes in which an SVG, which may begin with comments and declarations, has its element.
_SVG_START = 4_000


def format_of(data: bytes) -> str:
    """A key of ENDINGS, or "HEIC", "AVIF", "TIFF", "BMP" or "SVG"; "" for anything else."""
    for signature, name in _SIGNATURES:
        if data.startswith(signature):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        # The major brand, a version, and the brands that it is compatible with.
        end = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
        return "AVIF" if brands & _AVIF else "HEIC" if brands & _HEIC else ""
    # The size of the file and two zeros follow.
    if data[:2] == b"BM" and data[6:10] == bytes(4):
        return "BMP"
    start = data[:_SVG_START].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "SVG" if start.startswith(b"<") and b"<svg" in start and b"<html" not in start else ""
