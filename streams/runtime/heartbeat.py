"""The heartbeat of a worker: its file, the end of the process on any failure, and the check for a stalled event loop.

Fail-stop: an unexpected error ends the process with exit code 70 and the supervisor starts it again. So a half-dead
worker can neither commit past a hole nor overwrite the rows of its successor.
"""

import json
import os
import time
from pathlib import Path
from typing import Any, NoReturn

from schemas.process.logs import get_logger
from schemas.process.tasks import EXIT_BROKEN

# EX_CONFIG of sysexits.h: something must change first, so the supervisor does not start the worker again.
EXIT_CIRCUIT_OPEN = 78
BEAT_SECONDS = 1.0

log = get_logger("heartbeat")


def _now() -> float:
    """Monotonic seconds that also count while the process, or the whole machine, is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Heartbeat:
    """The heartbeat of one worker, in `folder`/worker-<stage>-<instance>.json, and its fail-stop."""

    def __init__(self, folder: Path, stage: str, instance: int, max_stall_seconds: float) -> None:
        self.path = folder / f"worker-{stage}-{instance}.json"
        self.last_error: str | None = None
        # Sentences about what has happened since the start, which `ackstream status` shows while all is well.
        self.notes: dict[str, str] = {}
        self._max_stall_seconds = max_stall_seconds
        self._last_beat: float | None = None  # None until the app has started
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, *, ready: bool) -> None:
        """Replaces the heartbeat file."""
        beat: dict[str, Any] = {"pid": os.getpid(), "ready": ready, "at": time.time(), "last_error": self.last_error}
        beat["notes"] = list(self.notes.values())
        scratch = self.path.with_suffix(".tmp")
        scratch.write_text(json.dumps(beat))
        scratch.replace(self.path)

    def fail_stop(self, reason: str, code: int = EXIT_BROKEN) -> NoReturn:
        """Ends the process at once. Nothing more is acknowledged, so everything unfinished is read again."""
        log.critical("fail_stop", reason=reason, exit_code=code)
        self.last_error = reason
        try:
            self.write(ready=False)
        finally:
            os._exit(code)

    def check_not_stalled(self) -> None:
        """Ends the process when the event loop was stopped (SIGSTOP, a frozen machine) for `max_stall_seconds`.

        By then the group may have given its partitions to another worker, and its next writes would be out of date.
        """
        stalled = 0.0 if self._last_beat is None else _now() - self._last_beat
        if stalled > self._max_stall_seconds:
            self.fail_stop(f"stood still for {stalled:.1f} s; its partitions may belong to another worker now")

    def beat(self) -> None:
        """One tick of the event loop: checks for a stall, then stores the time."""
        self.check_not_stalled()
        self._last_beat = _now()
