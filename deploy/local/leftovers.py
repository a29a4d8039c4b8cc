"""Orphaned processes of a stack whose supervisor was killed; they still hold its ports and files."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from schemas.process.waiting import wait_for

_TERM_SECONDS = 40.0
_KILL_SECONDS = 5.0


def find(mark: str) -> list[int]:
    """Pids of this user's processes whose command line contains the word `mark`."""
    return [pid for pid, _ in command_lines(mark)]


def command_lines(mark: str) -> list[tuple[int, list[str]]]:
    """Pids and command lines of these processes."""
    words = (mark, f"-D{mark}")
    found = _command_lines()
    return [(pid, line) for pid, line in found if any(word in line for word in words) and pid != os.getpid()]


def end(mark: str) -> int:
    """Ends these processes by SIGTERM, then SIGKILL; returns how many there were."""
    pids = find(mark)
    for signum, seconds in ((signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        for pid in find(mark):
            with suppress(OSError):
                os.kill(pid, signum)
        wait_for(lambda: not find(mark), seconds)
    return len(pids)


def _command_lines() -> list[tuple[int, list[str]]]:
    table = Path("/proc")
    if (table / "self" / "cmdline").exists():
        return [found for entry in table.iterdir() if entry.name.isdigit() and (found := _of_proc(entry)) is not None]
    ps = shutil.which("ps")
    if ps is None:
        return []
    done = subprocess.run([ps, "-x", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=False)  # noqa: S603
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(int(row[0]), row[1:]) for row in rows if row]


def _of_proc(entry: Path) -> tuple[int, list[str]] | None:
    with suppress(OSError):
        if entry.stat().st_uid == os.getuid():
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            return int(entry.name), words
    return None
