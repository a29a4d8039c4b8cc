"""TCP proxies that can be cut, stalled and slowed while connections run through them. IO: one thread for all."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Literal, Self

Mode = Literal["pass", "cut", "stall", "slow"]

_CHUNK = 64 * 1024
# Of each piece of up to 16 KB while a link is slow: 160 KB/s and a fifth of a second for each question and answer.
_SLOW_SECONDS = 0.1
_SLOW_CHUNK = 16 * 1024
_LOOPBACK = "127.0.0.1"


class Proxy:
    """One link, from a port of its own to `target`. Its methods may be called in any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._mode: Mode = "pass"
        self._changed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        server: asyncio.Server = _run(loop, asyncio.start_server(self._connected, _LOOPBACK, 0))
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    def set(self, mode: Mode) -> None:
        """`cut` ends all connections and every new one; `stall` keeps them and lets nothing through; `slow` little."""
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
        """One direction until either side ends; then the other direction ends by its own reader."""
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
    """The thread that all proxies run in. Use as a context."""

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


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(work, loop).result(30)
