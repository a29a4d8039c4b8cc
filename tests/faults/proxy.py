"""TCP proxies that can be cut, stalled and slowed while connections are open; one thread runs all of them."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Literal, Self, TypeVar

Mode = Literal["pass", "cut", "stall", "slow"]
T = TypeVar("T")

_CHUNK = 64 * 1024
# Delay of each piece of up to 16 KB on a slow link: 160 KB/s, and a fifth of a second per request and response.
_SLOW_SECONDS = 0.1
_SLOW_CHUNK = 16 * 1024
_LOOPBACK = "127.0.0.1"


class Proxy:
    """One link, from its own port to the port `target`. Its methods may be called in any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._mode: Mode = "pass"
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = _run(loop, asyncio.start_server(self._connected, _LOOPBACK, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def set(self, mode: Mode) -> None:
        """`cut` closes all connections and every new one; `stall` keeps them open without data; `slow` delays data."""
        _run(self._loop, self._set(mode))

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode == "cut":
            for writer in list(self._open):
                writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "cut":
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(_LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            self._open.add(sink)
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Copies one direction until either side closes; the other direction then ends by its own reader."""
        try:
            while piece := await source.read(_SLOW_CHUNK if self._mode == "slow" else _CHUNK):
                while self._mode == "stall":
                    await self._changed.wait()
                if self._mode == "slow":
                    await asyncio.sleep(_SLOW_SECONDS)
                sink.write(piece)
                await sink.drain()
        except OSError:
            pass
        finally:
            self._open.discard(sink)
            sink.close()


class Proxies:
    """The thread of all proxies; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _run(self._loop, _cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def to(self, target: int) -> Proxy:
        """A new proxy in front of a port of this machine."""
        return Proxy(self._loop, target)


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(30)
