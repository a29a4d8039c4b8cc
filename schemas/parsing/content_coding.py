"""Compressed bodies: gzip and deflate, inflated within bounds.

Bodies are stored and verified as they came and are inflated wherever they are parsed. The bytes decide, not only the
header: a proxy may have inflated a body and kept its Content-Encoding, or the reverse.
"""

import re
import zlib

# Twice the largest body that the edge takes. A proven sender may compress a batch, a stranger must not fill the memory.
MAX_PLAIN_BYTES = 8 * 1024 * 1024
# JSON of a thousand equal statuses shrinks to a hundredth; deflate of zeros to a thousandth.
MAX_RATIO = 200
_ANY_RATIO_BYTES = 1024 * 1024  # so little harms nobody, whatever its ratio
_MAX_LAYERS = 2

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_UNREAD = frozenset({"br", "zstd", "compress", "x-compress"})
_PLAIN_START = re.compile(rb"\s*[\[{]")


class NotInflated(ValueError):  # noqa: N818 - reads as what the body is
    """The body cannot be inflated; the text is the reason, without a quotation of it. `too_large`: it would burst."""

    def __init__(self, detail: str, *, too_large: bool = False) -> None:
        super().__init__(detail)
        self.too_large = too_large


def inflated(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding, at most MAX_PLAIN_BYTES; the same object when it is not compressed.

    Raises NotInflated, and nothing else, on any bytes.
    """
    names = [name for part in reversed(encoding.lower().split(",")) if (name := part.strip())]
    plain = body
    for name in names[: _MAX_LAYERS + 1]:
        plain = _without(plain, name)
    if len(names) > _MAX_LAYERS + 1:
        raise NotInflated("the body has too many encodings")
    return _inflate(plain, _GZIP, len(plain)) if plain.startswith(_GZIP_MAGIC) else plain


def _without(body: bytes, name: str) -> bytes:
    if name in _UNREAD:
        if _PLAIN_START.match(body):
            return body
        raise NotInflated(f"the body is compressed as {name}: only gzip and deflate are read")
    if name in ("gzip", "x-gzip"):
        return _inflate(body, _GZIP, len(body)) if body.startswith(_GZIP_MAGIC) else body
    if name == "deflate" and not body.startswith(_GZIP_MAGIC):
        return _inflate_deflate(body)
    return body


def _inflate_deflate(body: bytes) -> bytes:
    """RFC 9110 means zlib's frame by deflate; some senders leave the frame out, and some proxies the compression."""
    for window in (_ZLIB, _RAW):
        try:
            return _inflate(body, window, len(body))
        except NotInflated as error:
            if error.too_large:
                raise
    if _PLAIN_START.match(body) or b"=" in body[:256]:
        return body
    raise NotInflated("the deflate data is damaged")


def _inflate(body: bytes, window: int, size: int) -> bytes:
    limit = min(MAX_PLAIN_BYTES, max(_ANY_RATIO_BYTES, size * MAX_RATIO))
    parts: list[bytes] = []
    total, rest = 0, body
    while rest:
        stream = zlib.decompressobj(window)
        try:
            part = stream.decompress(rest, limit - total + 1)
        except zlib.error:
            raise NotInflated("the compressed data is damaged") from None
        total += len(part)
        if total > limit:
            raise NotInflated(f"the body has more than {limit} bytes when it is inflated", too_large=True)
        if not stream.eof:
            raise NotInflated("the compressed data is cut off")
        parts.append(part)
        # gzip may have several members; other bytes after the end, which some senders pad with, mean nothing
        rest = stream.unused_data if window == _GZIP and stream.unused_data.startswith(_GZIP_MAGIC) else b""
    return b"".join(parts)
