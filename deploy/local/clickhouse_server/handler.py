"""ClickHouse's HTTP interface: from an aiohttp request to a running job and back to a response."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import HttpVersion11, hdrs, web

from deploy.local.clickhouse_server.arrival import Arrived, arrive, pump
from deploy.local.clickhouse_server.auth import User, Users, credentials
from deploy.local.clickhouse_server.body import BodyFeed
from deploy.local.clickhouse_server.compression import Compressor, accepted, compressor
from deploy.local.clickhouse_server.engine import Counts
from deploy.local.clickhouse_server.errors import TOO_MANY_ROWS_OR_BYTES, UNKNOWN_EXCEPTION, QueryError
from deploy.local.clickhouse_server.formats import content_type
from deploy.local.clickhouse_server.job import QueryRequest
from deploy.local.clickhouse_server.runner import Runner, Running
from deploy.local.clickhouse_server.settings import bound_parameters, engine_settings
from schemas.process.logs import get_logger

access_log = get_logger("clickhouse.access")
log = get_logger("clickhouse")

_PIECE_BYTES = 256 * 1024
_HELD_BYTES = 1024 * 1024  # so much of a result is held back before the status goes out: late errors get a status
_READER_HELD_BYTES = 256 * 1024 * 1024  # a read-only user does not fill the disk
_SPOOL_BYTES = 8 * 1024 * 1024  # results that wait for their end go to disk beyond that
_OFFLOAD_BYTES = 64 * 1024  # compressing more than that would hold the event loop for milliseconds


class QueryHandler:
    """Serves `/` for all users."""

    def __init__(self, runner: Runner, users: Users, send_seconds: float) -> None:
        self._runner = runner
        self._users = users
        self._send_seconds = send_seconds

    @property
    def version(self) -> str:
        """The engine's version."""
        return self._runner.engine.about.version

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; every failure becomes ClickHouse's error body and status."""
        began = time.monotonic_ns()
        query_id = request.query.get("query_id") or str(uuid.uuid4())
        if request.method == hdrs.METH_HEAD or (request.method == hdrs.METH_GET and "query" not in request.query):
            return web.Response(text="Ok.\n")
        running: Running | None = None
        feed = BodyFeed()
        status, error = 200, None
        try:
            user = self._users.login(*credentials(request.headers, request.query))
            arrived = await arrive(request, whole=user.readonly)
            await feed.put(arrived.head)
            if arrived.ended:
                feed.end(complete=arrived.complete)
            running = await self._start(request, user, arrived, feed)
            pumping = None if arrived.ended else asyncio.create_task(pump(request, feed))
            try:
                return await self._respond(request, running, query_id, began)
            finally:
                if pumping is not None:
                    pumping.cancel()
        except QueryError as failure:
            error, status = failure, failure.status
            return self._error(failure, query_id)
        except asyncio.CancelledError:
            status = 499
            raise
        except _UnreadError as unread:
            status = 499
            if request.transport is not None:
                request.transport.abort()
            return unread.response
        finally:
            feed.end(complete=False)  # the job would wait for the rest for ever; a pump cut short may not have said it
            if running is not None and not running.done.done():
                self._runner.abandon(running)
            _log_access(query_id, running, status, error, began)

    async def _start(self, request: web.Request, user: User, arrived: Arrived, feed: BodyFeed) -> Running:
        url = arrived.url
        wanted = QueryRequest(
            user=user,
            sql=_raw_query(url, arrived.form_sql),
            database=url.get("database") or request.headers.get("X-ClickHouse-Database") or "",
            default_format=url.get("default_format") or request.headers.get("X-ClickHouse-Format") or "",
            settings=engine_settings(url),
            params=bound_parameters(url),
            revision=_number(url, "client_protocol_version"),
            may_write=request.method != hdrs.METH_GET,
        )
        encoding = request.headers.get(hdrs.CONTENT_ENCODING, "") if arrived.form_sql is None else ""
        return await self._runner.start(wanted, feed, encoding)

    async def _respond(self, request: web.Request, running: Running, query_id: str, began: int) -> web.StreamResponse:
        limit = None if request.query.get("wait_end_of_query", "0") not in ("0", "") else _HELD_BYTES
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as held:
            ended = await _hold(running, held, limit)
            if ended:
                await _result(running)
            response = web.StreamResponse(headers=self._headers(query_id, running.job.format))
            if ended:
                response.headers["X-ClickHouse-Summary"] = _summary(running.job.counts, began)
            encoding = _encoding(request)
            tag = secrets.token_hex(8)
            if encoding is not None:
                response.headers[hdrs.CONTENT_ENCODING] = encoding
            elif ended:
                response.content_length = held.tell()
            if not ended:
                response.headers["X-ClickHouse-Exception-Tag"] = tag
            if response.content_length is None and request.version >= HttpVersion11:
                response.enable_chunked_encoding()
            await response.prepare(request)
            held.seek(0)
            writer = _Writer(response, compressor(encoding) if encoding else None, self._send_seconds)
            while piece := held.read(_PIECE_BYTES):
                await writer.write(piece)
        if not ended and not await self._stream_rest(running, writer, tag):
            if request.transport is not None:
                request.transport.close()  # without the last chunk: clients see that the result is not whole
            return response
        await writer.finish()
        return response

    async def _stream_rest(self, running: Running, writer: _Writer, tag: str) -> bool:
        """Pass the rest on; False when the query failed after all, its exception then stands at the end."""
        while piece := await running.output.read(_PIECE_BYTES):
            await writer.write(piece)
        try:
            await _result(running)
        except QueryError as failure:
            message = failure.body(self._runner.engine.about.version).rstrip("\n")
            size = len(message.encode()) + 1
            block = f"\r\n__exception__\r\n{tag}\r\n{message}\n{size} {tag}\r\n__exception__\r\n"
            await writer.write(block.encode())
            await writer.flush()
            return False
        return True

    def _headers(self, query_id: str, fmt: str) -> dict[str, str]:
        about = self._runner.engine.about
        return {
            hdrs.CONTENT_TYPE: content_type(fmt),
            "X-ClickHouse-Server-Display-Name": about.display_name,
            "X-ClickHouse-Query-Id": "".join(c for c in query_id if c.isprintable()),
            "X-ClickHouse-Format": fmt if fmt.isalnum() else "",
            "X-ClickHouse-Timezone": about.timezone,
        }

    def _error(self, failure: QueryError, query_id: str) -> web.Response:
        headers = self._headers(query_id, "TabSeparated")
        headers[hdrs.CONTENT_TYPE] = "text/plain; charset=UTF-8"
        headers["X-ClickHouse-Exception-Code"] = str(failure.code)
        if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers[hdrs.RETRY_AFTER] = "1"
        body = failure.body(self._runner.engine.about.version)
        return web.Response(status=failure.status, body=body.encode("utf-8", "replace"), headers=headers)


class _UnreadError(Exception):
    """The client does not read its result, which would hold the query's slot for as long as it likes."""

    def __init__(self, response: web.StreamResponse) -> None:
        super().__init__()
        self.response = response


class _Writer:
    """Writes the response's body; `seconds` is the time for one piece of it to leave (_UnreadError)."""

    def __init__(self, response: web.StreamResponse, packer: Compressor | None, seconds: float) -> None:
        self._response = response
        self._packer = packer
        self._seconds = seconds

    async def write(self, data: bytes) -> None:
        if self._packer is not None:
            big = len(data) > _OFFLOAD_BYTES
            data = await asyncio.to_thread(self._packer.compress, data) if big else self._packer.compress(data)
        await self._send(data)

    async def flush(self) -> None:
        if self._packer is not None:
            await self._send(self._packer.flush())

    async def finish(self) -> None:
        if self._packer is not None:
            await self._send(self._packer.finish())
        await self._response.write_eof()

    async def _send(self, data: bytes) -> None:
        if not data:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._response.write(data)
        except TimeoutError:
            raise _UnreadError(self._response) from None


async def _hold(running: Running, held: tempfile.SpooledTemporaryFile[bytes], limit: int | None) -> bool:
    """Collect output up to `limit` bytes (None = all of it); True when that is the whole of it."""
    reader = running.job.request.user.readonly
    while limit is None or held.tell() < limit:
        piece = await running.output.read(_PIECE_BYTES)
        if not piece:
            return True
        held.write(piece)
        if reader and held.tell() > _READER_HELD_BYTES:
            raise QueryError(
                TOO_MANY_ROWS_OR_BYTES, "The result is larger than 256 MiB: read it without wait_end_of_query."
            )
    return False


async def _result(running: Running) -> None:
    try:
        await running.done
    except QueryError:
        raise
    except Exception as error:
        log.error("query_failed", exc_info=error)
        raise QueryError(
            UNKNOWN_EXCEPTION, "The server failed on this query; its log names the kind of error."
        ) from error


def _raw_query(url: Mapping[str, str], form_sql: bytes | None) -> bytes:
    parts = (url.get("query", "").encode("utf-8", "surrogateescape"), form_sql or b"")
    return b"\n".join(part for part in parts if part)


def _number(url: Mapping[str, str], name: str) -> int:
    value = url.get(name, "0")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _encoding(request: web.Request) -> str | None:
    if request.query.get("enable_http_compression", "1") in ("0", "false"):
        return None
    return accepted(request.headers.get(hdrs.ACCEPT_ENCODING, ""))


def _summary(counts: Counts, began: int) -> str:
    values = {
        "read_rows": counts.read_rows,
        "read_bytes": counts.read_bytes,
        "written_rows": counts.written_rows,
        "written_bytes": counts.written_bytes,
        "total_rows_to_read": counts.read_rows,
        "result_rows": counts.result_rows,
        "result_bytes": counts.result_bytes,
        "elapsed_ns": counts.elapsed_ns or time.monotonic_ns() - began,
    }
    return orjson.dumps({name: str(value) for name, value in values.items()}).decode()


def _log_access(query_id: str, running: Running | None, status: int, error: QueryError | None, began: int) -> None:
    # No text of the query and no parameter: they may hold phone numbers.
    counts = running.job.counts if running else Counts()
    access_log.info(
        "query",
        query_id="".join(c for c in query_id if c.isalnum() or c in "-_")[:64],
        kind=running.job.kind if running else "none",
        status=status,
        code=error.code if error else 0,
        ms=round((time.monotonic_ns() - began) / 1e6, 1),
        read_rows=counts.read_rows,
        written_rows=counts.written_rows,
    )
