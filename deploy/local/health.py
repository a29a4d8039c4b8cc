"""Health probes of the parts: loopback HTTP, Kafka, heartbeat files."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from deploy import blocking
from deploy.local.kafka import broker
from deploy.local.layout import Layout
from schemas.settings.config import Config
from schemas.settings.sections import ClickHouse

# A worker writes its heartbeat every second; 10 s is a stall and not a busy machine.
STALE_SECONDS = 10.0
_HTTP_SECONDS = 5.0


def probes(config: Config, password: str) -> dict[str, Callable[[], bool]]:
    """A probe for each part that listens; `password` is that of our ClickHouse user."""
    return {
        "kafka": lambda: blocking.run(broker.answers(config.kafka.bootstrap)),
        "clickhouse": lambda: clickhouse(config.clickhouse, password),
        "ingest": lambda: fetched(f"{config.ingest.url}/readyz"),
        "dashboards": lambda: fetched(f"{config.dashboards.url}/readyz"),
    }


def clickhouse(settings: ClickHouse, password: str) -> bool:
    """Whether it answers our user; a wrong password is unhealthy."""
    basic = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
    return fetched(f"{settings.url.rstrip('/')}/?query=SELECT%201", {"Authorization": f"Basic {basic}"})


def fetched(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET returns 200."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  (http(s) of the settings)
    # No proxy: these are addresses of this machine or of the user's own network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError, HTTPException, ValueError), opener.open(request, timeout=_HTTP_SECONDS) as answer:
        return bool(answer.status == 200)
    return False


def heartbeat(layout: Layout, stage: str, instance: int) -> dict[str, Any]:
    """The last heartbeat of a worker; empty when no heartbeat can be read."""
    with suppress(OSError, ValueError):
        found = json.loads(layout.heartbeat(stage, instance).read_text())
        return found if isinstance(found, dict) else {}
    return {}


def beats(found: Mapping[str, Any], pid: int, now: float | None = None) -> bool:
    """Whether a heartbeat is from process `pid`, fresh, and reports assigned and recovered partitions."""
    age = (time.time() if now is None else now) - float(found.get("at") or 0)
    return found.get("pid") == pid and found.get("ready") is True and age < STALE_SECONDS
