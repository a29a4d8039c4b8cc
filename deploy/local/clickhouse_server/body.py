"""Hands a request body from the event loop to the thread that reads it, with a bounded amount in between."""

from __future__ import annotations

import asyncio
import io
import queue

# Pieces of at most 64 KiB each (aiohttp's read buffer): about 2 MiB of a body are in memory at a time.
_PIECES = 32


class BodyFeed(io.RawIOBase):
    """A file to read for the worker thread; `put` and `end` are for the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_PIECES)
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._left = b""
        self._over = False
        self._ended = False
        self.complete = False  # the client has sent the whole body; false at the end of reading = it broke off

    async def put(self, piece: bytes) -> None:
        """Pass a piece on; waits while the reader is behind."""
        if piece:
            await self._room.acquire()
            self._pieces.put(piece)

    def end(self, *, complete: bool) -> None:
        """No more pieces. Only the first call counts."""
        if not self._ended:
            self._ended = True
            self.complete = complete
            self._pieces.put(b"")

    def readable(self) -> bool:
        """True: io.BufferedReader asks."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        """Blocks until bytes arrive; returns 0 at the end of the body, complete or not."""
        if not self._left and not self._over:
            self._left = self._pieces.get()
            self._over = not self._left
            if self._left and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._room.release)
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
