"""The evaluator as a process, for tests that kill it: `python -m tests.dashboards.alerts.process SETTINGS`."""

import asyncio
import logging
import sys
from pathlib import Path

from dashboards.alerts.runner import Alerts
from schemas.settings.config import load
from tests.dashboards.alerts.samples import WATCHED

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    asyncio.run(Alerts(load(Path(sys.argv[1])), rules=[WATCHED]).run())
