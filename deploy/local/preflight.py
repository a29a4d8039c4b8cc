"""Checks before parts are started: disk space, sources, free ports."""

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from deploy.local import ports
from deploy.local.parts import Listener, Part
from ingest.http import sources as ingest_sources
from schemas.errors import Failure
from schemas.settings.config import Config

# Kafka and ClickHouse crash on a full disk. An empty stack takes about 20 MB.
LEAST_FREE = 1024**3


def room(folder: Path) -> None:
    """Raises Failure when the disk of `folder` has less than LEAST_FREE bytes free."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise Failure(
            f"{folder} has only {free // 1024**2} MB free and the stack needs {LEAST_FREE // 1024**2}: "
            "free disk space or set data_dir (ACKSTREAM_DATA_DIR) to a folder on another disk"
        )


def sources(config: Config) -> None:
    """Raises ConfigError for sources that would keep ingest from starting: provider, secrets."""
    ingest_sources.load(config)


def free_listeners(parts: Iterable[Part], own: Collection[int] = ()) -> None:
    """Raises Failure for the first port that is not free. `own`: ports of running parts, which count as free."""
    wanted: dict[int, Listener] = {}
    for part in parts:
        for listener in part.listeners:
            twin = wanted.setdefault(listener.port, listener)
            if twin is not listener:
                raise Failure(f"{twin.setting} and {listener.setting} both use port {listener.port}: change one")
            if not ports.can_bind(listener.host, 0 if listener.port in own else listener.port):
                raise Failure(_taken(listener))


def _taken(listener: Listener) -> str:
    cure = f"set {listener.setting} (or {listener.variable}) to another"
    if not ports.can_bind(listener.host, 0):
        return f"{listener.host} is not an address of this machine: {cure}"
    if listener.port < 1024 and not ports.accepts(listener.host, listener.port):
        return f"port {listener.port} of {listener.host} cannot be opened (below 1024 needs root): {cure}"
    owner = ports.owner(listener.port)
    by = f" by {owner}" if owner else ""
    return f"port {listener.port} is taken{by}: stop that program, or {cure} port"
