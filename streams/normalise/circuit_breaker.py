"""The normalise workers' stop when what is not understood looks like our fault, and the note of it that outlives
restarts. IO: one file, our own code.

A supervisor starts again whatever ends. Without the note each start would turn as many bodies into dead letters as it
takes to find out anew; with it a worker says why it stands and ends, until something has changed that parsing depends
on. Letters that were made before the stop are kept and can be retried; nothing of the batch that showed the fault is
sent or committed.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from schemas.settings.config import Config
from schemas.topics import RAW
from streams.normalise.failure_rate import Broken, Shares
from streams.runtime.heartbeat import EXIT_HELD, Vitals

log = logging.getLogger("ackstream")

FILE = "normalise-held.json"


def sentence(broken: Broken) -> str:
    """Why the workers stop, and the way on."""
    bodies = f"{broken.dead} of the last {broken.bodies} proven bodies of {broken.source} ({broken.provider})"
    others = f"sources: {broken.failing} failing, {broken.understood} understood"
    way_on = f"Upgrade or mend [sources], then `make up` and `ackstream dead retry --reason {broken.reason}`"
    return (
        f"stopped with exit code {EXIT_HELD}: {bodies} are {broken.reason} ({others}), so the fault is rather ours. "
        f"Bodies wait in {RAW.name}. {way_on}; or go on with streams.dead_share_limit = 0"
    )


class Note:
    """Why the workers of a data folder must not go on, for as long as code and settings are those of now."""

    def __init__(self, config: Config) -> None:
        self._path = config.data_dir / "state" / FILE
        self._basis = _basis(config)

    def why(self) -> str | None:
        """What stands there, None when nothing does or something has changed since."""
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return str(found["why"]) if isinstance(found, dict) and found.get("basis") == self._basis else None

    def set(self, why: str) -> None:
        """Writes it; a crash leaves it whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".tmp")
        scratch.write_text(json.dumps({"basis": self._basis, "why": why}))
        scratch.replace(self._path)

    def remove(self) -> bool:
        """Whether there was one."""
        there = self._path.exists()
        self._path.unlink(missing_ok=True)
        return there


class Guard:
    """Watches what one normalise worker understands, and ends it when it must stop."""

    def __init__(self, config: Config, vitals: Vitals) -> None:
        self._note = Note(config)
        self._watches = config.streams.dead_share_limit > 0
        self._shares = Shares(config.streams.dead_share_limit)
        self._vitals = vitals

    def add(self, record: Any, understood: bool, letters: Iterable[Mapping[str, Any]]) -> None:
        """A record that was read: whether it gave any event, and its dead letters."""
        if self._watches and record.topic == RAW.name:
            self._shares.add(dict(record.headers), understood, letters, record.timestamp)

    def check(self) -> None:
        """Before anything of a batch is sent. Ends the process with EXIT_HELD when this or another worker must stop."""
        if (broken := self._shares.broken()) is not None:
            self._note.set(sentence(broken))
        if (why := self._note.why()) is not None:
            self._vitals.die(why, EXIT_HELD)

    def why_held(self) -> str | None:
        """At the start: why the worker must not go on. The note of a stop that may have been mended is removed."""
        why = self._note.why()
        if why is None and self._note.remove():
            log.warning("the code or the settings have changed since the workers stopped: they go on")
        return why


def _basis(config: Config) -> str:
    """Changes with everything that decides what is understood, and with the limit."""
    digest = hashlib.sha256(config.model_dump_json(include={"sources"}).encode())
    digest.update(str(config.streams.dead_share_limit).encode())
    for folder in (Path(str(files("schemas"))), *config.providers):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
