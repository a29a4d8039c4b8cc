"""A copy that kills itself before its statement number DEATH.

Usage: python -m tests.streams.analytics.dying_copy PORT DATABASE DEATH

Exit code 0 when it had everything copied before.
"""

import os
import signal
import sys
import time
from typing import Any

import clickhouse_connect

from streams.analytics.copy import Copy, Limits
from tests.support.clickhouse import ADMIN


class Mortal:
    """A client that kills its process before statement number `death`."""

    def __init__(self, client: Any, death: int) -> None:
        self._client = client
        self._left = death

    def query(self, *arguments: Any, **named: Any) -> Any:
        """As the client's."""
        return self._sent(self._client.query, *arguments, **named)

    def command(self, *arguments: Any, **named: Any) -> Any:
        """As the client's."""
        return self._sent(self._client.command, *arguments, **named)

    def _sent(self, send: Any, *arguments: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return send(*arguments, **named)


def main(port: str, database: str, death: str) -> None:
    """Copies until everything is copied, or until the process is killed."""
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=int(port), username=ADMIN[0], password=ADMIN[1], database=database
    )
    mortal: Any = Mortal(client, int(death))
    copy = Copy(mortal, Limits(settle_seconds=0.0))
    while copy.pass_once() or not copy.is_complete:
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
