"""`ackstream dashboards`: serves the page in the foreground."""

import click

from schemas.process import logs
from schemas.settings.config import load


@click.command("dashboards")
def command() -> None:
    """Serve the page of dashboards until SIGTERM, and evaluate the alert rules.

    The process needs only the read-only user of ClickHouse. `ackstream up` starts it.
    """
    logs.configure()
    from dashboards.alerts.runner import Alerts
    from dashboards.catalogue import DASHBOARDS
    from dashboards.page.server import run

    config = load()
    run(config, DASHBOARDS, Alerts(config) if config.alerts.enabled else None)
