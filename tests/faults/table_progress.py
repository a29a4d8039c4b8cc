"""Polls up to which time of receipt the tables are complete."""

import logging
import threading
from typing import Self

import clickhouse_connect
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.simulator.demo.tables import SHOWN
from schemas.settings.config import Config

_POLL_SECONDS = 0.25
_QUERIES = {
    "stored": "SELECT toUnixTimestamp64Milli(max(received_at)) FROM delivery_log",
    "shown": SHOWN,
}


class TableProgress:
    """`stored`: the newest time of receipt in the tables, ms; `shown`: the dashboards are complete up to this time, ms.

    A context manager. Both keep their values while ClickHouse does not answer.
    """

    def __init__(self, config: Config) -> None:
        self._options = config.clickhouse.client_options()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="progress", daemon=True)
        self._reached = dict.fromkeys(_QUERIES, 0)

    def __enter__(self) -> Self:
        logging.getLogger("clickhouse_connect").setLevel(
            logging.CRITICAL
        )  # it reports every outage, and outages are expected here
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def reached(self, part: str, moment: int) -> bool:
        """Whether the tables that depend on a part contain something received at or after a moment (ms)."""
        return self._reached["shown" if part == "analytics" else "stored"] >= moment

    def _poll(self) -> None:
        client: Client | None = None
        while not self._stopped.wait(_POLL_SECONDS):
            try:
                client = client or clickhouse_connect.get_client(
                    **{**self._options, "connect_timeout": 2, "send_receive_timeout": 5}
                )
                for name, query in _QUERIES.items():
                    self._reached[name] = max(self._reached[name], int(client.query(query).result_rows[0][0]))
            except (ClickHouseError, OSError):
                client = None
