"""How far the way from the edge to the tables has come, asked all the time. IO."""

import logging
import threading
from typing import Any, Self

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.simulator.demo.tables import SHOWN
from schemas.settings.config import Config

_POLL_SECONDS = 0.25
_QUESTIONS = {
    "stored": "SELECT toUnixTimestamp64Milli(max(received_at)) FROM delivery_log",
    "shown": SHOWN,
}


class TableProgress:
    """`stored`: the newest moment of receipt in the tables, ms. `shown`: up to when dashboards have everything, ms.

    Use as a context. An engine that does not answer leaves both where they were.
    """

    def __init__(self, config: Config) -> None:
        self._options = config.clickhouse.client_options()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="progress", daemon=True)
        self._reached = dict.fromkeys(_QUESTIONS, 0)

    def __enter__(self) -> Self:
        logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # says of every outage what we expect
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def reached(self, part: str, moment: int) -> bool:
        """Whether what a part is there for has gone on past a moment."""
        return self._reached["shown" if part == "analytics" else "stored"] >= moment

    def _poll(self) -> None:
        client: Any = None
        while not self._over.wait(_POLL_SECONDS):
            try:
                client = client or clickhouse_connect.get_client(
                    **{**self._options, "connect_timeout": 2, "send_receive_timeout": 5}
                )
                for name, question in _QUESTIONS.items():
                    self._reached[name] = max(self._reached[name], int(client.query(question).result_rows[0][0]))
            except (ClickHouseError, OSError):
                client = None
