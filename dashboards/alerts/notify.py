"""Posts one message to the webhook. IO. The address is a secret: it stands in no log line and in no error."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from dashboards.alerts.message import only_text
from schemas.errors import ConfigError
from schemas.settings.sections import Alerts


class NotTakenError(Exception):
    """The receiver did not take the message; the text says how it failed and nothing of where."""


class Webhook:
    """Sends; whether and when to try again is not decided here."""

    def __init__(self, settings: Alerts) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Mapping[str, Any]) -> None:
        """Returns when the receiver has answered 2xx. Raises NotTakenError, at the latest after the timeout."""
        assert self._settings.webhook is not None  # noqa: S101  (the caller asked)
        body = only_text(message) if self._settings.form == "text" else dict(message)
        try:
            address = self._settings.webhook.read()
            if self._session is None:
                timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
                self._session = aiohttp.ClientSession(timeout=timeout)
            async with self._session.post(address, json=body) as answer:
                if answer.status >= 300:
                    raise NotTakenError(f"the receiver answers {answer.status}")
        except ConfigError as error:
            raise NotTakenError(str(error)) from None
        except TimeoutError:
            raise NotTakenError(f"no answer within {self._settings.timeout_seconds:g} s") from None
        except aiohttp.InvalidURL:
            raise NotTakenError("alerts.webhook holds no http address") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotTakenError(f"the receiver cannot be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Ends the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
