"""A worker's signs of life: heartbeat file, fail-stop, and the check that it has not stood still. IO.

Fail-stop: whatever is unexpected ends the process with exit code 70 and the supervisor starts it again, so a
half-alive worker can neither commit past a hole nor overwrite its successor.
"""

import json
import logging
import os
import time
from pathlib import Path
from typing import NoReturn

EXIT_FAIL_STOP = 70
# "Something must change before this can go on", by the convention of sysexits.h: no supervisor need try again.
EXIT_HELD = 78
BEAT_SECONDS = 1.0

log = logging.getLogger("ackstream")


def _now() -> float:
    """Seconds that go on while the process, or the whole machine, is stopped."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Vitals:
    """Heartbeat of one worker in `folder`/worker-<stage>-<instance>.json, and its fail-stop."""

    def __init__(self, folder: Path, stage: str, instance: int, still_seconds: float) -> None:
        self.path = folder / f"worker-{stage}-{instance}.json"
        self.last_error: str | None = None
        self._still_seconds = still_seconds
        self._last_beat: float | None = None  # the first beat comes when the app has started
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, *, ready: bool) -> None:
        """Rewrites the heartbeat file as a whole."""
        beat = {"pid": os.getpid(), "ready": ready, "at": time.time(), "last_error": self.last_error}
        scratch = self.path.with_suffix(".tmp")
        scratch.write_text(json.dumps(beat))
        scratch.replace(self.path)

    def die(self, why: str, code: int = EXIT_FAIL_STOP) -> NoReturn:
        """Ends the process at once: nothing is acknowledged, so everything unfinished is read again."""
        log.critical("fail-stop: %s" if code == EXIT_FAIL_STOP else "%s", why)
        self.last_error = why
        try:
            self.write(ready=False)
        finally:
            os._exit(code)

    def check_not_still(self) -> None:
        """Dies when the event loop stood still (SIGSTOP, a frozen machine) for more than half a session timeout.

        By then the group may have given this worker's partitions away; what it would send next is out of date.
        """
        stood = 0.0 if self._last_beat is None else _now() - self._last_beat
        if stood > self._still_seconds:
            self.die(f"stood still for {stood:.1f} s; its partitions may belong to another worker now")

    def beat(self) -> None:
        """One tick of the event loop: checks, then marks the time."""
        self.check_not_still()
        self._last_beat = _now()
