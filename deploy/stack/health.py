"""Whether each part does its work, asked from outside. IO: loopback HTTP, Kafka, heartbeat files."""

import base64
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from deploy import blocking, kafka_broker
from deploy.stack.layout import Layout
from schemas.config import Config

# A worker writes its heartbeat every second; this is a stall, not a busy machine.
STALE_SECONDS = 10.0
_HTTP_SECONDS = 5.0
# Levels of the log formats in use, the last line of a traceback, and the one sentence of a program that gives up.
_ERROR = re.compile(
    r'\b(ERROR|CRITICAL|FATAL)\b|"level":"(error|critical)"|^[\w.]*(Error|Exception)\b|^ackstream: |^Cannot '
)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")


def probes(config: Config) -> dict[str, Callable[[], bool]]:
    """A question for each part that listens."""
    return {
        "kafka": lambda: blocking.run(kafka_broker.answers(config.kafka.bootstrap)),
        "clickhouse": lambda: clickhouse(config),
        "ingest": lambda: fetched(f"http://{_reachable(config.ingest.host)}:{config.ingest.port}/readyz"),
    }


def clickhouse(config: Config) -> bool:
    """Whether it answers our user: a wrong password is not healthy."""
    settings = config.clickhouse
    password = settings.password.read() if settings.password else ""
    basic = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
    return fetched(f"{settings.url.rstrip('/')}/?query=SELECT%201", {"Authorization": f"Basic {basic}"})


def fetched(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET is answered with 200."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  (http(s) of the settings)
    # No proxy: these are addresses of this machine or of the user's own network.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError, HTTPException, ValueError), opener.open(request, timeout=_HTTP_SECONDS) as answer:
        return bool(answer.status == 200)
    return False


def heartbeat(layout: Layout, stage: str, instance: int) -> dict[str, Any]:
    """A worker's last sign of life; empty when there is none that can be read."""
    with suppress(OSError, ValueError):
        found = json.loads(layout.heartbeat(stage, instance).read_text())
        return found if isinstance(found, dict) else {}
    return {}


def beats(found: Mapping[str, Any], pid: int, now: float | None = None) -> bool:
    """Whether a heartbeat is of this process, fresh, and says that its partitions are assigned and recovered."""
    age = (time.time() if now is None else now) - float(found.get("at") or 0)
    return found.get("pid") == pid and found.get("ready") is True and age < STALE_SECONDS


def last_error(log: Path) -> str | None:
    """The last line of a log that tells of an error; None when there is none."""
    return next((line for line in reversed(_tail(log)) if _ERROR.search(line)), None)


def last_line(log: Path) -> str | None:
    """The last line of a log, for a part that does not start: its last error if it has told one."""
    return last_error(log) or next(iter(reversed(_tail(log))), None)


def _tail(log: Path, size: int = 65_536) -> list[str]:
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - size))
        lines = _CONTROL.sub("", stream.read().decode(errors="replace")).split("\n")
        return [line.strip()[:300] for line in lines if line.strip()]
    return []


def _reachable(host: str) -> str:
    """Where to ask a server that listens on `host`."""
    if host in ("0.0.0.0", ""):  # noqa: S104  (compared, not bound)
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host
