"""The circuit breaker of the normalise workers: it opens when the failure rate shows that the fault is ours.

The supervisor restarts every process that ends. If the open circuit were not saved, each start would turn as many
bodies into dead letters as it needs to detect the fault again. With the file a worker reports the reason and ends until
something changes on which parsing depends. Dead letters made before the stop are kept and can be retried; nothing of
the batch that opened the circuit is sent or committed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiokafka.structs import ConsumerRecord

from schemas.process.logs import get_logger
from schemas.settings.config import Config
from schemas.topics import RAW
from streams.normalise.failure_rate import FailureRates, Trip
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN, Heartbeat

log = get_logger("circuit_breaker")

FILE = "normalise-circuit.json"


def sentence(trip: Trip) -> str:
    """Why the workers stop and what to do, for the heartbeat and `ackstream status`."""
    bodies = f"{trip.dead} of the last {trip.bodies} authenticated bodies of {trip.source} ({trip.provider})"
    sources = f"{trip.failing} sources fail, {trip.parsed} are parsed"
    remedy = f"Upgrade or correct [sources], then `make up` and `ackstream dead retry --reason {trip.reason}`"
    return (
        f"stopped with exit code {EXIT_CIRCUIT_OPEN}: {bodies} became dead letters ({trip.reason}; {sources}), so the "
        f"fault is probably ours. New bodies stay in {RAW.name}. {remedy}; "
        "or continue with streams.dead_share_limit = 0"
    )


class SavedCircuit:
    """The open circuit of a data folder, valid while code and settings are those with which it was saved."""

    def __init__(self, config: Config) -> None:
        self._path = config.data_dir / "state" / FILE
        self._basis = _basis(config)

    def reason(self) -> str | None:
        """Why the circuit is open; None when it is closed, or when code or settings have changed since."""
        try:
            saved = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return str(saved["reason"]) if isinstance(saved, dict) and saved.get("basis") == self._basis else None

    def open(self, reason: str) -> None:
        """Saves that the circuit is open; a crash leaves the whole file or none."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(json.dumps({"basis": self._basis, "reason": reason}))
        scratch.replace(self._path)

    def close(self) -> bool:
        """Removes the saved circuit; returns whether there was one."""
        existed = self._path.exists()
        self._path.unlink(missing_ok=True)
        return existed


class CircuitBreaker:
    """Watches the failure rate of one normalise worker and ends the worker when the circuit opens."""

    def __init__(self, config: Config, heartbeat: Heartbeat) -> None:
        self._saved = SavedCircuit(config)
        self._enabled = config.streams.dead_share_limit > 0
        self._rates = FailureRates(config.streams.dead_share_limit)
        self._heartbeat = heartbeat

    def add(self, record: ConsumerRecord, parsed: bool, letters: Iterable[Mapping[str, Any]]) -> None:
        """Counts a record: whether it gave any event, and its dead letters."""
        if self._enabled and record.topic == RAW.name:
            self._rates.add(dict(record.headers), parsed, letters, record.timestamp)

    def check(self) -> None:
        """Ends the process when this or another worker has opened the circuit. To be called before a batch is sent."""
        if (trip := self._rates.trip()) is not None:
            self._saved.open(sentence(trip))
        if (reason := self._saved.reason()) is not None:
            self._heartbeat.fail_stop(reason, EXIT_CIRCUIT_OPEN)

    def open_circuit(self) -> str | None:
        """The reason of a saved open circuit, at the start. One of other code or settings is removed."""
        reason = self._saved.reason()
        if reason is None and self._saved.close():
            log.warning("circuit_closed", reason="the code or the settings have changed since the workers stopped")
        return reason


def _basis(config: Config) -> str:
    """A hash of everything on which parsing depends, and of the limit."""
    digest = hashlib.sha256(config.model_dump_json(include={"sources"}).encode())
    digest.update(str(config.streams.dead_share_limit).encode())
    for folder in (Path(str(files("schemas"))), *config.providers):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
