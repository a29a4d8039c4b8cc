"""Posts sent records to `/sent/{source}` until they are answered. IO: HTTP."""

import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

from schemas.errors import Failure

# A broker or an edge that restarts is back after some seconds; who does not take anything for this long is down.
GIVE_UP_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_MAX_ANSWER = 4 * 1024 * 1024


class PostError(Failure):
    """The edge does not take the records; the text is one sentence that says what to do."""


class SourceError(PostError):
    """It takes none of this source: the source is not known there, or its token is not."""


class Sender:
    """One connection to an edge. `base_url` is what comes before /sent."""

    def __init__(self, base_url: str, give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise PostError(f"{base_url!r} is no address: give one such as https://hooks.example.com")
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=_ANSWER_SECONDS)
        self._url = base_url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._give_up_seconds = give_up_seconds

    def post(self, source: str, token: str, records: list[bytes]) -> dict[int, str]:
        """Sends the records, each in JSON, and returns once they are stored: index and reason of each that was refused.

        An answer that does not come is waited for, and a body is sent again: a record that is stored twice counts once.
        Raises PostError, of it SourceError where it is about this source alone.
        """
        body = b"\n".join(records)
        deadline = time.monotonic() + self._give_up_seconds
        while True:
            status, answer, pause = self._try(source, token, body)
            if status in (200, 400) and isinstance(answer.get("refused"), list):
                return _refused(answer, len(records))
            if status is not None and status not in _AGAIN:
                raise self._refusal(source, status, answer)
            if time.monotonic() + pause > deadline:
                what = "does not answer" if status is None else f"cannot store at present (HTTP {status})"
                raise PostError(
                    f"{self._url} {what}: see `ackstream status`, then run this again: nothing counts twice"
                )
            time.sleep(pause)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _try(self, source: str, token: str, body: bytes) -> tuple[int | None, dict[str, Any], float]:
        """Status, answer and how long to wait before another try; no status when there was no answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        try:
            self._connection.request("POST", f"{self._path}/sent/{quote(source, safe='')}", body, headers)
            response = self._connection.getresponse()
            content, wait = response.read(_MAX_ANSWER), response.headers.get("Retry-After", "")
        except (OSError, HTTPException):
            self._connection.close()  # the next try connects anew
            return None, {}, _PAUSE_SECONDS
        try:
            answer = json.loads(content)
        except ValueError:
            answer = {}
        pause = float(wait) if wait.isascii() and wait.isdigit() else _PAUSE_SECONDS
        return response.status, answer if isinstance(answer, dict) else {}, min(pause, _LONGEST_PAUSE_SECONDS)

    def _refusal(self, source: str, status: int, answer: dict[str, Any]) -> PostError:
        if status == 401:
            return SourceError(
                f"{self._url} does not know the token: it must be one of sources.{source}.sent_tokens there"
            )
        if status == 404:
            return SourceError(f"{self._url} has no source {source!r}: name one of its settings")
        said = answer.get("detail", "it is no Ackstream")
        return PostError(f"{self._url} refused the records with HTTP {status}: {said}")


def _refused(answer: dict[str, Any], count: int) -> dict[int, str]:
    found = {}
    for one in answer["refused"]:
        if isinstance(one, dict) and one.get("index") in range(count):
            found[one["index"]] = str(one.get("reason", ""))
    if answer.get("accepted") != count - len(found):  # it names no more than a thousand
        raise PostError("the edge refused records that it does not name: it is of another version, update both")
    return found
