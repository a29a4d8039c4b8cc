"""One JSON object a line on stderr. IO.

No line may hold a body, a phone number, a secret or a query string: foreign exceptions are told by their class and the
place where they were raised, never by their text.
"""

import logging
import sys
import time
import traceback

from schemas.parsing.json_text import dumps
from schemas.parsing.times import to_iso

# A broker that is away makes its client warn ten times a second; one line in ten seconds says as much.
REPEAT_SECONDS = 10.0


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": to_iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        return dumps(line).decode()


class _Repetitions(logging.Filter):
    """Lets a foreign library's message of one wording pass once in REPEAT_SECONDS; our own lines always pass."""

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


def describe(error: BaseException) -> str:
    """`KeyError at routes.py:88`: enough to find it, nothing of what it was about."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def configure() -> None:
    """Sends every log line of the process to stderr in this form; foreign libraries from `warning` up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    handler.addFilter(_Repetitions())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("ackstream").setLevel(logging.INFO)
    # Its own checks of a connection that is being rebuilt; `store_down` and `store_up` say what matters to a user.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
