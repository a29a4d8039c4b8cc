"""A limit of the time for the headers of a request, for the connections of the edge and of the page."""

import asyncio
from collections.abc import Callable
from typing import Final

# From the first byte of a request to the end of its headers: a client that sends them a byte at a time occupies a
# connection no longer than this.
HEAD_SECONDS: Final = 20.0


class HeadTimer:
    """Calls `close` when the headers of a request are not complete `seconds` after its first byte."""

    __slots__ = ("_close", "_handle", "_seconds")

    def __init__(self, close: Callable[[], None], seconds: float = HEAD_SECONDS) -> None:
        self._close = close
        self._seconds = seconds
        self._handle: asyncio.TimerHandle | None = None

    def received(self, *, complete: bool) -> None:
        """Data have arrived; `complete`: there is a request whose headers are complete."""
        if complete:
            self.cancel()
        elif self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._seconds, self._close)

    def cancel(self) -> None:
        """Stops the timer; also for the end of the connection."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
