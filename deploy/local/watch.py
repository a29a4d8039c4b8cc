"""The status of a part: its health and its last relevant error."""

import time
from pathlib import Path

from deploy.local import health, log_errors
from deploy.local.interface import Health, PartStatus
from deploy.local.layout import Layout, shown
from deploy.local.parts import WORKERS, Part
from deploy.local.supervisor import Process
from ingest.http import sockets
from schemas.settings.config import Config

# How long the error of a healthy part is shown.
RECENT_SECONDS = 600.0
# The supervisor's text about a process that ended at once; the log has the reason.
_SEE_LOG = "Exited too quickly"
ALIVE = ("RUNNING", "STARTING")


class Watch:
    """Observes the parts of one installation; `password` is that of our ClickHouse user."""

    def __init__(self, config: Config, layout: Layout, password: str) -> None:
        self._layout = layout
        self._probes = health.probes(config, password)

    def health(self, part: Part, mine: list[Process]) -> Health:
        """The health of a part with the processes `mine`."""
        if part.command is not None:
            if not any(process.state in ALIVE for process in mine):
                return "down"
            if not all(self._process_ok(part, process) for process in mine):
                return "starting"
        probe = self._probes.get(part.name)
        if probe is None or probe():
            return "ok"
        return "down" if part.command is None else "starting"

    def status(self, part: Part, mine: list[Process], lag: int | None) -> PartStatus:
        """The status of a part."""
        outside = part.command is None
        now = self.health(part, mine)
        error, at, log = self._recent(part, mine) if now == "ok" else self._newest(part, mine)
        return PartStatus(
            name=part.name,
            address=part.address,
            health=now,
            running=int(now == "ok") if outside else sum(process.pid > 0 for process in mine),
            wanted=part.count,
            pids=tuple(process.pid for process in mine if process.pid > 0),
            lag=lag,
            last_error=error,
            last_error_at=at,
            log=None if outside else str(log or self._layout.log(part.name, 0)),
            notes=tuple(note for process in mine for note in self._notes(part, process)),
        )

    def _notes(self, part: Part, process: Process) -> list[str]:
        if part.name not in WORKERS or not self._process_ok(part, process):
            return []
        notes = health.heartbeat(self._layout, part.name, process.instance).get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    def why_unhealthy(self, part: Part, mine: list[Process], settings: Path) -> str:
        """One sentence about a part that does not become healthy."""
        if part.command is None:
            return (
                f"{part.name} at {part.address} does not answer: start it, or correct its address in {shown(settings)}"
            )
        error, _, log = self._newest(part, mine)
        log = log or self._layout.log(part.name, 0)
        cause = error or log_errors.last_line(log) or "its log is empty"
        return f"{part.name} does not become healthy: {cause} ({shown(log)})"

    def _process_ok(self, part: Part, process: Process) -> bool:
        if process.state not in ALIVE:
            return False
        if part.name == "ingest":  # any one of several processes answers the probe
            return sockets.serving(self._layout.root, process.instance) == process.pid
        if part.name not in WORKERS:
            return True
        return health.beats(health.heartbeat(self._layout, part.name, process.instance), process.pid)

    def _recent(self, part: Part, mine: list[Process]) -> tuple[str | None, float | None, Path | None]:
        """The newest error of the last minutes since the start of its process, its time, and the log."""
        found = []
        for process in mine:
            log = self._layout.log(part.name, process.instance)
            since = max(process.since or time.time(), time.time() - RECENT_SECONDS)
            if error := log_errors.last_error(log, since):
                found.append((error.text, error.after, log))
        first = self._layout.log(part.name, mine[0].instance) if mine else None
        return max(found, key=lambda each: each[1], default=(None, None, first))

    def _newest(self, part: Part, mine: list[Process]) -> tuple[str | None, float | None, Path | None]:
        """The newest error of the unhealthy processes (of all if none is unhealthy), its time if known, and the log."""
        unhealthy = [process for process in mine if not self._process_ok(part, process)] or mine
        found: list[tuple[float, str, float | None, Path]] = []
        for process in unhealthy:
            log = self._layout.log(part.name, process.instance)
            if process.trouble and not process.trouble.startswith(_SEE_LOG):
                found.append((time.time(), process.trouble, None, log))
            beat = health.heartbeat(self._layout, part.name, process.instance) if part.name in WORKERS else {}
            if beat.get("last_error"):
                found.append((float(beat.get("at") or 0), str(beat["last_error"]), float(beat.get("at") or 0), log))
            elif error := log_errors.last_error(log):
                found.append((error.after, error.text, error.after if error.stamped else None, log))
        if not found:
            return None, None, self._layout.log(part.name, unhealthy[0].instance) if unhealthy else None
        _, text, at, log = max(found, key=lambda each: each[0])
        return text, at, log
