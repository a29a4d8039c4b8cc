"""Reads a request's body: bounded in size, in time and by the memory budget."""

import asyncio
from collections.abc import Callable
from contextlib import closing

from aiohttp import HttpVersion11, StreamReader, web

from ingest.http.refusals import BAD_REQUEST, OVERLOADED, SLOW_BODY, too_large
from ingest.http.uploads import Upload
from ingest.storage.memory_budget import REQUEST_OVERHEAD, Charge
from schemas.http_errors import HttpError

MAX_BODY_BYTES = web.AppKey("max_body_bytes", int)


def arrived(request: web.Request, charge: Charge, max_bytes: int) -> bytes | HttpError | None:
    """The body if it is complete already, as nearly every webhook is when its headers are read; None if it is not.

    It is as it was sent (never decompressed), and charged to `charge`. A body beyond `max_bytes` is refused as soon as
    its Content-Length or the bytes read so far exceed it.
    """
    if (request.content_length or 0) > max_bytes:
        return too_large(max_bytes)
    if not charge.add(REQUEST_OVERHEAD):
        return OVERLOADED
    if not request.content.is_eof():
        return None
    try:
        body = request.content.read_nowait()
    except (web.RequestPayloadError, ConnectionError):
        return BAD_REQUEST
    if len(body) > max_bytes:
        return too_large(max_bytes)
    return body if charge.add(len(body)) else OVERLOADED


async def receive_proven(content: StreamReader, charge: Charge, max_bytes: int, seconds: float) -> bytes | HttpError:
    """The rest of a body whose sender is proven, within `seconds`; charged to `charge` as it arrives."""
    try:
        async with asyncio.timeout(seconds):
            return await _read_chunks(content, charge, max_bytes)
    except TimeoutError:
        return SLOW_BODY
    except (web.RequestPayloadError, ConnectionError):
        return BAD_REQUEST


async def receive_unproven(
    content: StreamReader, open_upload: Callable[[asyncio.Timeout], Upload], max_bytes: int, seconds: float
) -> bytes | HttpError:
    """The rest of a body that has proven nothing, within `seconds` and the limits of its upload."""
    try:
        async with asyncio.timeout(seconds) as timer:
            with closing(open_upload(timer)) as upload:
                body = await _read_chunks(content, upload, max_bytes)
            return SLOW_BODY if upload.given_up else body
    except TimeoutError:
        return SLOW_BODY
    except (web.RequestPayloadError, ConnectionError):
        return BAD_REQUEST


async def _read_chunks(content: StreamReader, charge: Charge | Upload, max_bytes: int) -> bytes | HttpError:
    chunks: list[bytes] = []
    size = 0
    while chunk := await content.readany():
        size += len(chunk)
        if size > max_bytes:
            return too_large(max_bytes)
        if not charge.add(len(chunk)):
            return OVERLOADED
        chunks.append(chunk)
    return b"".join(chunks)


async def expect_continue(request: web.Request) -> None:
    """Asks for the body only when its announced size is allowed; a refused client is spared the upload."""
    expected = request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue"
    if expected and (request.content_length or 0) <= request.app[MAX_BODY_BYTES]:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The line above is no part of the answer: if it counted, the server would take the answer for begun.
        request.writer.output_size = 0
