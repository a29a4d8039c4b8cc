"""Posts sent records to `/sent/{source}` until they are answered."""

import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from schemas.errors import Failure

# A broker or an edge that restarts is back after some seconds. Together with the last answer: at most a minute.
GIVE_UP_SECONDS = 40.0
_ANSWER_SECONDS = 20.0
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_MAX_ANSWER = 4 * 1024 * 1024


class SendError(Failure):
    """The edge does not accept the records; the text is one sentence with the remedy."""


class SourceError(SendError):
    """The edge accepts no record of this source: it does not know the source or the token."""


class Sender:
    """One connection to an edge. `base_url` is its URL without /sent."""

    def __init__(self, base_url: str, give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise SendError(f"{base_url!r} is not a URL: give one such as https://hooks.example.com")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_ANSWER_SECONDS)
        self._url = base_url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._give_up_seconds = give_up_seconds

    def post(self, source: str, token: str, records: list[bytes]) -> dict[int, str]:
        """Sends the records, each in JSON, and returns once they are stored: index and reason of each that was refused.

        A request without an answer is sent again: a record that is stored twice counts once. Raises SendError, and
        SourceError, a kind of it, when only this source is refused.
        """
        body = b"\n".join(records)
        deadline = time.monotonic() + self._give_up_seconds
        while True:
            status, answer, pause = self._try(source, token, body)
            if status in (200, 400) and isinstance(answer.get("refused"), list):
                return _refused(answer, len(records))
            if status is not None and status not in _RETRIED:
                raise self._refusal(source, status, answer)
            if time.monotonic() + pause > deadline:
                what = "does not answer" if status is None else f"cannot store at present (HTTP {status})"
                raise SendError(
                    f"{self._url} {what}: see `ackstream status`, then run this again: nothing is counted twice"
                )
            time.sleep(pause)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _try(self, source: str, token: str, body: bytes) -> tuple[int | None, dict[str, Any], float]:
        """Status, answer and the pause before another try in seconds; status None when there was no answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        try:
            self._connection.request("POST", f"{self._path}/sent/{quote(source, safe='')}", body, headers)
            response = self._connection.getresponse()
            content, wait = response.read(_MAX_ANSWER), response.headers.get("Retry-After", "")
        except (OSError, HTTPException):
            self._connection.close()  # the next try connects again
            return None, {}, _PAUSE_SECONDS
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        pause = float(wait) if wait.isascii() and wait.isdigit() else _PAUSE_SECONDS
        return response.status, answer if isinstance(answer, dict) else {}, min(pause, _LONGEST_PAUSE_SECONDS)

    def _refusal(self, source: str, status: int, answer: dict[str, Any]) -> SendError:
        if status == 401:
            return SourceError(
                f"{self._url} does not know the token: it must be one of its sources.{source}.sent_tokens"
            )
        if status == 404:
            return SourceError(f"{self._url} has no source {source!r}: name one of its settings")
        detail = answer.get("detail", "it is not Ackstream")
        return SendError(f"{self._url} refused the records with HTTP {status}: {detail}")


def _refused(answer: dict[str, Any], count: int) -> dict[int, str]:
    found = {}
    for one in answer["refused"]:
        if isinstance(one, dict) and one.get("index") in range(count):
            found[one["index"]] = str(one.get("reason", ""))
    if answer.get("accepted") != count - len(found):  # it names at most a thousand
        raise SendError("the edge refused records without naming them: it has another version, update both")
    return found
