"""What was answered with 200 is there after kill -9."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.support.waiting import wait_until


def test_answered_inserts_survive_kill_nine(start: Callable[..., Any]) -> None:
    server = start()
    server.ok("CREATE TABLE t (batch UInt32, n UInt32) ENGINE = MergeTree ORDER BY (batch, n)")
    answered: list[int] = []

    def write(first: int) -> None:
        for batch in range(first, 1_000_000, 3):
            body = b"".join(b"%d\t%d\n" % (batch, n) for n in range(200))
            try:
                if server.sql(body, query="INSERT INTO t FORMAT TSV").status != 200:
                    return
            except OSError:
                return
            answered.append(batch)

    writers = [threading.Thread(target=write, args=(first,)) for first in range(3)]
    for writer in writers:
        writer.start()
    wait_until("more than 60 are answered", lambda: len(answered) > 60)
    server.kill()
    for writer in writers:
        writer.join(30)
    data = server.log.parent / "data"
    again = start(data=data)
    rows = again.ok("SELECT batch, count() FROM t GROUP BY batch").splitlines()
    kept = {int(batch): int(count) for batch, count in (row.split("\t") for row in rows)}
    assert set(answered) <= set(kept)
    assert set(kept.values()) == {200}
    assert len(kept) - len(answered) <= 3
