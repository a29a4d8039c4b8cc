"""What the handlers of one process share. IO-free."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from aiohttp import web

from dashboards.page.assets import Assets
from dashboards.page.clickhouse import Store, Table
from dashboards.page.query_cache import Answers
from dashboards.panel import Dashboard, Panel
from schemas.settings.config import Config


class Alerts(Protocol):
    """Whoever evaluates the alert rules beside the page: `run` until cancelled, `states` for the page to show."""

    async def run(self) -> None: ...
    def states(self) -> Sequence[Mapping[str, Any]]: ...


def now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Page:
    """Settings, catalogue, store. `tables` are answers of ClickHouse, kept for a moment."""

    config: Config
    dashboards: Sequence[Dashboard]
    store: Store
    tables: Answers[Table]
    slow_tables: Answers[Table]
    assets: Assets
    alerts: Alerts | None
    clock: Callable[[], datetime]
    on_failure: Callable[[str], None]

    def panel(self, identifier: str) -> Panel | None:
        """The panel with this id."""
        found = (panel for dashboard in self.dashboards for panel in dashboard.panels if panel.id == identifier)
        return next(found, None)


PAGE = web.AppKey("page", Page)
