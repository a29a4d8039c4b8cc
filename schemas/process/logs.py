"""The logs of a process: JSON, one object a line on stderr; readable lines when stderr is a terminal.

No line may hold a body, a phone number, a secret or a query string: exceptions are reported by their class and the
place where they were raised, never by their text.
"""

import logging
import sys
import time
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from schemas.parsing.json_text import dumps

# A broker that is down makes its client warn ten times a second; one line in ten seconds is enough.
REPEAT_SECONDS = 10.0


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one part, below `ackstream`. Events are snake_case words, facts are keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"ackstream.{name}")
    return logger


def describe(error: BaseException) -> str:
    """`KeyError at routes.py:88`: enough to find it, nothing of its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def configure(quiet: tuple[str, ...] = ()) -> None:
    """Sends every log line of the process to stderr in the one form.

    Our own loggers from `info` up, foreign libraries from `warning`, those named in `quiet` from `error`.
    """
    shared: list[Processor] = [
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _error,
    ]
    terminal = sys.stderr.isatty()
    last: Processor = structlog.dev.ConsoleRenderer(timestamp_key="at") if terminal else _Line()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    handler.addFilter(_Repetitions())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ackstream").setLevel(logging.INFO)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.ERROR)


class _Line:
    """One JSON object with the fixed keys first."""

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        first: dict[str, Any] = {name: event.pop(name, None) for name in ("at", "level", "logger")}
        return dumps({**first, "message": event.pop("event", ""), **event}).decode()


def _error(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """`exc_info` becomes `error`, without the exception's text."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        event["error"] = describe(error)
    return event


class _Repetitions(logging.Filter):
    """Passes a foreign library's message of one wording once in REPEAT_SECONDS; our own lines always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("ackstream"):
            return True
        key = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._last.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._last[key] = now
        return True
