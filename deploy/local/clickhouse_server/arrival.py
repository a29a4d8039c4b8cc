"""Reads what a query needs of its request before it takes a slot: a form, or the body up to a statement's length.

A client that stalls in the middle of a statement therefore occupies a connection and no slot. What follows the
statement of an INSERT is passed on while the query runs, so bodies of any size are inserted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from deploy.local.clickhouse_server.body import BodyFeed
from deploy.local.clickhouse_server.errors import (
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    QUERY_IS_TOO_LARGE,
    TIMEOUT_EXCEEDED,
    QueryError,
)
from deploy.local.clickhouse_server.statement import MAX_STATEMENT_BYTES

_FORM_BYTES = 16 * 1024 * 1024
_READER_SECONDS = 30.0
_PACKED_BYTES = MAX_STATEMENT_BYTES + 4096  # text that cannot be compressed grows by a few bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """URL parameters, overlaid with the fields of a form; the form's query; the first bytes of any other body."""

    url: dict[str, str]
    form_sql: bytes | None
    head: bytes
    ended: bool  # nothing follows `head`
    complete: bool  # the client has sent all of it; not so at the end = it broke off


async def arrive(request: web.Request, *, whole: bool) -> Arrived:
    """Wait for a form or a body's beginning; with `whole`, for all of the body within a time (QueryError)."""
    if not whole:
        return await _arrive(request)
    try:
        async with asyncio.timeout(_READER_SECONDS):
            arrived = await _arrive(request)
    except TimeoutError:
        text = f"The body did not arrive within {_READER_SECONDS:g} s: nothing was run."
        raise QueryError(TIMEOUT_EXCEEDED, text) from None
    if not arrived.ended:
        raise QueryError(QUERY_IS_TOO_LARGE, "The body is longer than 256 KiB, the most that a statement may have.")
    return arrived


async def pump(request: web.Request, feed: BodyFeed) -> None:
    """Pass the rest of the body on, then its end; a body that breaks off ends incomplete."""
    complete = False
    try:
        async for piece in request.content.iter_any():
            await feed.put(piece)
        complete = True
    except Exception:
        complete = False
    finally:
        feed.end(complete=complete)


async def _arrive(request: web.Request) -> Arrived:
    url = dict(request.query)
    if request.content_type.startswith("multipart/"):
        return await _form(request, url)
    head = bytearray()
    try:
        while len(head) < _PACKED_BYTES:
            piece = await request.content.readany()
            if not piece:
                return Arrived(url, None, bytes(head), ended=True, complete=True)
            head += piece
    except Exception:
        return Arrived(url, None, bytes(head), ended=True, complete=False)
    return Arrived(url, None, bytes(head), ended=False, complete=False)


async def _form(request: web.Request, url: dict[str, str]) -> Arrived:
    size = 0
    sql = b""
    async for name, value in _fields(request):
        size += len(value)
        if size > _FORM_BYTES:
            raise QueryError(QUERY_IS_TOO_LARGE, "The form is larger than 16 MiB.")
        if name == "query":
            sql = value
        else:
            url[name] = value.decode("utf-8", "surrogateescape")
    return Arrived(url, sql, b"", ended=True, complete=True)


async def _fields(request: web.Request) -> AsyncIterator[tuple[str, bytes]]:
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None or part.filename is not None:
                raise QueryError(NOT_IMPLEMENTED, "External data in forms is not served: INSERT it into a table first.")
            yield part.name, bytes(await part.read())
    except QueryError:
        raise
    except Exception as error:  # aiohttp raises a dozen unrelated kinds for damaged forms
        raise QueryError(BAD_ARGUMENTS, "The multipart form is not well-formed.") from error
