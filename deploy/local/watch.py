"""What is said of a part: its health, and the error that matters now. IO: probes, heartbeat files, logs."""

import time
from pathlib import Path

from deploy.local import health, log_errors
from deploy.local.interface import Health, PartStatus
from deploy.local.layout import Layout, shown
from deploy.local.parts import WORKERS, Part
from deploy.local.supervisor import Process
from ingest.http import sockets
from schemas.settings.config import Config

# An error of a part that is well again is worth a line for so long.
RECENT_SECONDS = 600.0
# The supervisor's word on a process that ended at once; the log says why.
_SEE_LOG = "Exited too quickly"
ALIVE = ("RUNNING", "STARTING")


class Watch:
    """Looks at the parts of one installation; `password` is that of our user of ClickHouse."""

    def __init__(self, config: Config, layout: Layout, password: str) -> None:
        self._layout = layout
        self._probes = health.probes(config, password)

    def health(self, part: Part, mine: list[Process]) -> Health:
        """How a part with the processes `mine` is."""
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
        """Everything that is told of a part."""
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
        )

    def why_unhealthy(self, part: Part, mine: list[Process], settings: Path) -> str:
        """One sentence on a part that does not come up."""
        if part.command is None:
            return f"{part.name} at {part.address} does not answer: start it, or mend its address in {shown(settings)}"
        error, _, log = self._newest(part, mine)
        log = log or self._layout.log(part.name, 0)
        cause = error or log_errors.last_line(log) or "its log is empty"
        return f"{part.name} does not get healthy: {cause} ({shown(log)})"

    def _process_ok(self, part: Part, process: Process) -> bool:
        if process.state not in ALIVE:
            return False
        if part.name == "ingest":  # its probe is answered by any one of several processes
            return sockets.serving(self._layout.root, process.instance) == process.pid
        if part.name not in WORKERS:
            return True
        return health.beats(health.heartbeat(self._layout, part.name, process.instance), process.pid)

    def _recent(self, part: Part, mine: list[Process]) -> tuple[str | None, float | None, Path | None]:
        """An error of the last minutes that a process has told since it runs, its time, the log."""
        found = []
        for process in mine:
            log = self._layout.log(part.name, process.instance)
            since = max(process.since or time.time(), time.time() - RECENT_SECONDS)
            if said := log_errors.last_error(log, since):
                found.append((said.text, said.after, log))
        first = self._layout.log(part.name, mine[0].instance) if mine else None
        return max(found, key=lambda told: told[1], default=(None, None, first))

    def _newest(self, part: Part, mine: list[Process]) -> tuple[str | None, float | None, Path | None]:
        """The newest error of the processes that are not well (of all if each is), its time if it is known, the log."""
        sick = [process for process in mine if not self._process_ok(part, process)] or mine
        found: list[tuple[float, str, float | None, Path]] = []
        for process in sick:
            log = self._layout.log(part.name, process.instance)
            if process.trouble and not process.trouble.startswith(_SEE_LOG):
                found.append((time.time(), process.trouble, None, log))
            beat = health.heartbeat(self._layout, part.name, process.instance) if part.name in WORKERS else {}
            if beat.get("last_error"):
                found.append((float(beat.get("at") or 0), str(beat["last_error"]), float(beat.get("at") or 0), log))
            elif said := log_errors.last_error(log):
                found.append((said.after, said.text, said.after if said.stamped else None, log))
        if not found:
            return None, None, self._layout.log(part.name, sick[0].instance) if sick else None
        _, text, at, log = max(found, key=lambda told: told[0])
        return text, at, log
