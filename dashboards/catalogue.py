"""Every dashboard in the order of the menu: what the page, Grafana and the checks are built from."""

from typing import Final

from dashboards.panel import Dashboard, Panel
from dashboards.panels import conversations, cost, delivery, failures, numbers, overview, pipeline, senders

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    overview.DASHBOARD,
    delivery.DASHBOARD,
    failures.DASHBOARD,
    numbers.DASHBOARD,
    conversations.DASHBOARD,
    cost.DASHBOARD,
    senders.DASHBOARD,
    pipeline.DASHBOARD,
)

_DASHBOARDS: Final = {dashboard.id: dashboard for dashboard in DASHBOARDS}
_PANELS: Final = {panel.id: panel for dashboard in DASHBOARDS for panel in dashboard.panels}


def dashboard(identifier: str) -> Dashboard:
    """The dashboard with this id. KeyError when there is none."""
    return _DASHBOARDS[identifier]


def panel(identifier: str) -> Panel:
    """The panel with this id. KeyError when there is none."""
    return _PANELS[identifier]
