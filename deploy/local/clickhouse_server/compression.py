"""Content-Encoding of requests and responses: gzip, deflate, zstd, lz4 frames."""

from __future__ import annotations

import gzip
import zlib
from typing import IO, Any, Final, Protocol

import lz4.frame
import zstandard

from deploy.local.clickhouse_server.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, QueryError

# In order of what they cost: lz4 spends a tenth of gzip's time, and the other side is mostly on the same machine.
_ANSWERS: Final = ("lz4", "zstd", "gzip", "deflate")
_GZIP_LEVEL: Final = 3  # the engine's own default (http_zlib_compression_level)


class Compressor(Protocol):
    """One compressed stream, made of pieces."""

    def compress(self, data: bytes) -> bytes:
        """Takes `data`; returns compressed bytes that are ready."""

    def flush(self) -> bytes:
        """Returns all bytes that make the data so far readable."""

    def finish(self) -> bytes:
        """Ends the stream and returns its last bytes."""


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, wbits)

    def compress(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._stream.flush(zlib.Z_FINISH)


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=1).compressobj()

    def compress(self, data: bytes) -> bytes:
        return self._stream.compress(data)

    def flush(self) -> bytes:
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def finish(self) -> bytes:
        return self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)


class _Lz4:
    def __init__(self) -> None:
        # Without auto_flush the library keeps up to a block (4 MB) back, which would hide a late error from clients.
        self._stream: Any = lz4.frame.LZ4FrameCompressor(auto_flush=True)
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        head = b"" if self._begun else self._stream.begin()
        self._begun = True
        return bytes(head + self._stream.compress(data))

    def flush(self) -> bytes:
        return b""

    def finish(self) -> bytes:
        return bytes((b"" if self._begun else self._stream.begin()) + self._stream.flush())


def accepted(header: str) -> str | None:
    """The encoding of the answer for an Accept-Encoding header; None = as it is."""
    offered: set[str] = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            offered.add(name.strip())
    return next((name for name in _ANSWERS if name in offered), None)


def compressor(encoding: str) -> Compressor:
    """A compressor for one of the encodings that `accepted` returns."""
    if encoding == "lz4":
        return _Lz4()
    if encoding == "zstd":
        return _Zstd()
    return _Zlib(31 if encoding == "gzip" else 15)


class BodyReader:
    """Reads a request body, decompressed, in bounded pieces: a small body cannot unfold into all of the memory."""

    def __init__(self, raw: IO[bytes], encoding: str) -> None:
        self._stream = _decompressed(raw, encoding)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, fewer only at the end; CANNOT_DECOMPRESS when the data are damaged."""
        pieces: list[bytes] = []
        while size > 0:
            try:
                piece = self._stream.read(size)
            except (OSError, EOFError, zlib.error, RuntimeError, zstandard.ZstdError) as error:
                raise QueryError(CANNOT_DECOMPRESS, "The body does not match its Content-Encoding.") from error
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _decompressed(raw: IO[bytes], encoding: str) -> Any:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return raw
    if name in ("gzip", "x-gzip"):
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if name == "deflate":
        return _Inflate(raw)
    if name == "zstd":
        return _Unzstd(raw)
    if name == "lz4":
        return lz4.frame.LZ4FrameFile(raw, mode="rb")
    raise QueryError(NOT_IMPLEMENTED, "This Content-Encoding is not served: send gzip, deflate, zstd, lz4 or none.")


class _Inflate:
    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._stream = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        while not self._stream.eof:
            data = self._stream.unconsumed_tail or self._raw.read(65536)
            if not data:
                raise EOFError
            if piece := self._stream.decompress(data, size):
                return piece
        while self._raw.read(65536):  # only the end of the body tells that the client has not broken off
            pass
        return b""


class _Unzstd:
    """The library's own stream reader takes a frame that breaks off for the end of the data; this one does not."""

    # A block of zstd unfolds to at most 128 KiB and takes at least 4 bytes, so one slice makes 64 MiB at the worst.
    _SLICE_BYTES = 2048

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._packed = b""
        self._ready = b""

    def read(self, size: int) -> bytes:
        while not self._ready:
            self._packed = self._packed or self._raw.read(self._SLICE_BYTES)
            if not self._packed:
                if self._begun:
                    raise EOFError
                return b""
            self._ready = self._frame.decompress(self._packed)
            self._begun = not self._frame.eof
            self._packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece
