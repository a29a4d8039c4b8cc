"""An attack on the edge: uploads that never end, and honest senders beside it."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from tests.ingest.edge_process import META_SECRET

MIB = 1024 * 1024
_FORGED = b"X-Hub-Signature-256: sha256=" + b"0" * 64
# The first uploads send this much at once, so that memory is taken from the start. Then 240 of them need 2.4 MB/s.
_AT_ONCE = 256 * 1024
_PIECE = b"x" * 1024
_PAUSE_SECONDS = 0.1


@asynccontextmanager
async def slow_uploads(port: int, number: int, addresses: int = 1, path: str = "/webhooks/meta") -> AsyncIterator[None]:
    """Keeps `number` uploads to this port alive, from as many addresses of this machine, 127.0.0.1 first."""
    loops = [asyncio.create_task(_attack(port, f"127.0.0.{1 + each % addresses}", path)) for each in range(number)]
    try:
        await asyncio.sleep(1.0)  # the part of the budget is full by now, or it does not matter
        yield
    finally:
        for each in loops:
            each.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def _attack(port: int, address: str, path: str) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n" % (path.encode(), _FORGED, 4 * MIB)
    at_once = _AT_ONCE
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            try:
                writer.write(head + b"x" * at_once)
                at_once = 0
                while not reader.at_eof() and not reader._buffer:  # type: ignore[attr-defined]  # no answer yet
                    await writer.drain()
                    writer.write(_PIECE)
                    await asyncio.sleep(_PAUSE_SECONDS)
            finally:
                writer.transport.abort()
        await asyncio.sleep(_PAUSE_SECONDS)


async def good_posts(port: int, number: int, size: int, *, split: bool) -> list[tuple[bytes, float]]:
    """Status and seconds of signed posts one after another; `split`: the body follows its headers later."""
    body = b"x" * size
    signature = hmac.digest(META_SECRET.encode(), body, "sha256").hex().encode()
    head = b"POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=%s\r\nContent-Length: %d\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(number):
        began = monotonic()
        writer.write(head % (signature, size) + (b"" if split else body))
        if split:
            await asyncio.sleep(0.01)
            writer.write(body)
        answer = await reader.readuntil(b"\r\n\r\n")
        answers.append((answer[9:12], monotonic() - began))
        if b"content-length: 0" not in answer.lower() or b"connection: close" in answer.lower():
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return answers
