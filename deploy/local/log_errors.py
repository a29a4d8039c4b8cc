"""Errors in the logs of the parts."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_LEVELS = ("ERROR", "CRITICAL", "FATAL")
# Lines of Kafka and of Python's logging. Our own processes write JSON, see schemas.process.logs.
_STAMPED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)[.,](\d{3})(Z|[+-]\d\d:\d\d)? ([A-Z]+) (.*)")
# The last line of a traceback, and the one sentence of a program that exits.
_BARE = re.compile(r"[\w.]*(Error|Exception)\b|ackstream: |Cannot |The engine cannot ")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
_CHARACTERS = 300
_EVENT = re.compile(r"[a-z0-9_]+")
_FIXED = frozenset({"at", "level", "logger", "message", "reason", "error"})


@dataclass(slots=True, frozen=True)
class LoggedError:
    """One error in a log. `after`: epoch seconds of the last line up to it that has a time, 0 without one."""

    text: str
    after: float
    # Whether the line itself has the time.
    stamped: bool


def last_error(log: Path, since: float = 0.0) -> LoggedError | None:
    """The last error of a log; None when it may be older than `since` (epoch seconds)."""
    found = None
    for error in errors(_tail(log)):
        found = error
    return found if found is not None and found.after >= since else None


def last_line(log: Path) -> str | None:
    """The last error of a log, else its last line: for a part that does not start."""
    found = last_error(log)
    return found.text if found else next(iter(reversed(_tail(log))), None)


def errors(lines: list[str]) -> Iterator[LoggedError]:
    """The errors among the lines, with their messages only."""
    after = 0.0
    for line in lines:
        at, level, text = _parsed(line)
        after = at or after
        if level in _LEVELS or (at is None and _BARE.match(line)):
            yield LoggedError(text[:_CHARACTERS], after, at is not None)


def _parsed(line: str) -> tuple[float | None, str, str]:
    """Time, level and message of a line; the whole line is the message when its form is unknown."""
    if found := _STAMPED.match(line):
        day, clock, milliseconds, zone, level, text = found.groups()
        with suppress(ValueError):
            return datetime.fromisoformat(f"{day}T{clock}.{milliseconds}{zone or ''}").timestamp(), level, text
    if line.startswith('{"at":'):
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(line)
            return datetime.fromisoformat(fields["at"]).timestamp(), fields["level"].upper(), _sentence(fields)
    return None, "", line


def _sentence(fields: dict[str, Any]) -> str:
    """The `reason` of a JSON line, else its event in words; the other facts follow in parentheses."""
    event = str(fields["message"])
    text = str(fields.get("reason") or (event.replace("_", " ") if _EVENT.fullmatch(event) else event))
    notes = [str(fields["error"])] if "error" in fields else []
    notes += [f"{name.replace('_', ' ')} {value}" for name, value in fields.items() if name not in _FIXED]
    return f"{text} ({', '.join(notes)})" if notes else text


def _tail(log: Path, size: int = 65_536) -> list[str]:
    with suppress(OSError), log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - size))
        lines = _CONTROL.sub("", stream.read().decode(errors="replace")).split("\n")
        return [line.strip() for line in lines if line.strip()]
    return []
