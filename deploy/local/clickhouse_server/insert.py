"""Feeds an INSERT from a request body through a pipe, FROM INFILE.

The engine has a streaming insert of its own, but that one answers success although a constraint, a view or the
storage refused the block (chDB 4.4), so it is not reliable. An INSERT from a file reports
every error, reads every format, and a pipe is a file that is never whole in memory.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator

from deploy.local.clickhouse_server.engine import Counts, Session
from deploy.local.clickhouse_server.errors import UNKNOWN_EXCEPTION, QueryError
from deploy.local.clickhouse_server.statement import InsertHead
from schemas.process.logs import get_logger

log = get_logger("clickhouse")

PIPE_BYTES = 1024 * 1024  # the most that Linux grants without privileges; fewer wake-ups than with its usual 64 KiB
_ABORT_WAIT_S = 5.0


def widen(pipe: int) -> None:
    """Make a pipe hold more, where the system can."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        except OSError:
            log.debug("pipe_keeps_its_size")


class _Feeder(threading.Thread):
    """Writes the body into the pipe. When the body fails, the query is killed before the pipe shows its end:
    the engine would take that end for the end of the data and keep half an insert."""

    def __init__(self, blocks: Iterator[bytes], pipe: int, kill: Callable[[], bool]) -> None:
        super().__init__(name="insert-feeder", daemon=True)
        self._blocks = blocks
        self._pipe = pipe
        self._kill = kill
        self.error: QueryError | None = None
        self.query_ended = threading.Event()

    def run(self) -> None:
        try:
            self._copy()
        except BrokenPipeError:
            return  # the engine has stopped reading and raises its own error
        except QueryError as error:
            self._abort(error)
        except Exception as error:
            log.error("body_not_read", exc_info=error)
            self._abort(QueryError(UNKNOWN_EXCEPTION, "The server failed to read the body."))
        finally:
            os.close(self._pipe)

    def _copy(self) -> None:
        for block in self._blocks:
            view = memoryview(block)
            while view:
                view = view[os.write(self._pipe, view) :]

    def _abort(self, error: QueryError) -> None:
        self.error = error
        end = time.monotonic() + _ABORT_WAIT_S
        while not self._kill() and time.monotonic() < end:
            if self.query_ended.wait(0.02):  # not in the engine's list yet, or not any more
                return


def run_insert(
    session: Session, insert: InsertHead, fmt: str, blocks: Iterator[bytes], kill: Callable[[], bool]
) -> Counts:
    """Run an INSERT whose data come from `blocks`; committed when this returns.

    `kill` ends this session's query and returns whether it was running. An error of `blocks` is raised again here, and
    nothing of the unfinished block is kept.
    """
    read_end, write_end = os.pipe()
    widen(write_end)
    feeder = _Feeder(blocks, write_end, kill)
    feeder.start()
    source = f" FROM INFILE '/dev/fd/{read_end}' ".encode()
    try:
        _, counts = session.query(insert.sql + source + insert.settings + f" FORMAT {fmt}".encode(), "Null")
    except QueryError as error:
        raise feeder.error or error from None
    finally:
        feeder.query_ended.set()
        os.close(read_end)
    feeder.join()
    if feeder.error is not None:
        raise feeder.error
    return counts
