"""The objects that all request handlers share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from aiohttp import web

from dashboards.page.assets import Assets
from dashboards.page.query_cache import QueryCache
from dashboards.page.reader_client import ReaderClient, Table
from dashboards.panel import Dashboard, Panel
from schemas.settings.config import Config


class Alerts(Protocol):
    """The task that evaluates the alert rules in this process."""

    async def run(self) -> None:
        """Evaluates the rules until cancelled."""

    def states(self) -> Sequence[Mapping[str, Any]]:
        """The states of the rules for the page."""


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Page:
    """Settings, dashboards, the client of ClickHouse and its caches. `extent_cache` keeps the extent of all data."""

    config: Config
    dashboards: Sequence[Dashboard]
    reader: ReaderClient
    cache: QueryCache[Table]
    extent_cache: QueryCache[Table]
    assets: Assets
    alerts: Alerts | None
    clock: Callable[[], datetime]
    on_failure: Callable[[str], None]

    def panel(self, identifier: str) -> Panel | None:
        """The panel with this id."""
        found = (panel for dashboard in self.dashboards for panel in dashboard.panels if panel.id == identifier)
        return next(found, None)


PAGE = web.AppKey("page", Page)
