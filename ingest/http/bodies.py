"""Reads a request's body: bounded in size, in time and by the memory budget. IO."""

import asyncio

from aiohttp import HttpVersion11, StreamReader, web

from ingest.http.refusals import BAD_REQUEST, OVERLOADED, SLOW_BODY, Refusal, too_large
from ingest.storage.memory_budget import REQUEST_OVERHEAD, Charge

MAX_BODY_BYTES = web.AppKey("max_body_bytes", int)

# 4 MiB in this time is 140 kB/s, slower than any provider's network.
BODY_SECONDS = 30.0


async def read(request: web.Request, charge: Charge, max_bytes: int) -> bytes | Refusal:
    """The body as it was sent (never decompressed), charged byte by byte as it arrives; `charge` is the caller's.

    A body beyond `max_bytes` is refused as soon as its Content-Length or the bytes read so far pass it.
    """
    if (request.content_length or 0) > max_bytes:
        return too_large(max_bytes)
    if not charge.add(REQUEST_OVERHEAD):
        return OVERLOADED
    content = request.content
    try:
        if content.is_eof():  # it came along with the headers, as nearly every webhook does
            body = content.read_nowait()
            return _checked(body, charge, max_bytes)
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_on(content, charge, max_bytes)
    except TimeoutError:
        return SLOW_BODY
    except (web.RequestPayloadError, ConnectionError):
        return BAD_REQUEST


def _checked(body: bytes, charge: Charge, max_bytes: int) -> bytes | Refusal:
    if len(body) > max_bytes:
        return too_large(max_bytes)
    return body if charge.add(len(body)) else OVERLOADED


async def _read_on(content: StreamReader, charge: Charge, max_bytes: int) -> bytes | Refusal:
    parts: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > max_bytes:
            return too_large(max_bytes)
        if not charge.add(len(chunk)):
            return OVERLOADED
        parts.append(chunk)
    return b"".join(parts)


async def expect_continue(request: web.Request) -> None:
    """Asks for the body only when it may be sent at all; a refused client is spared the upload."""
    expected = request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue"
    if expected and (request.content_length or 0) <= request.app[MAX_BODY_BYTES]:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The line above is no part of the answer: with it counted the server would think that it had begun.
        request.writer.output_size = 0
