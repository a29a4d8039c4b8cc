"""Delivers notifications to the webhook. Its address is a secret: no log line and no error contains it."""

import aiohttp

from dashboards.alerts.message import Body, only_text
from schemas.errors import ConfigError
from schemas.settings.sections import Alerts


class DeliveryError(Exception):
    """The receiver did not accept the notification. The text is the reason, without the address."""


class Webhook:
    """A client of the receiver. It does not retry."""

    def __init__(self, settings: Alerts) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def send(self, body: Body) -> None:
        """Returns when the receiver answered 2xx. Raises DeliveryError, at the latest after the timeout."""
        assert self._settings.webhook is not None  # noqa: S101  (the caller has checked)
        content = only_text(body) if self._settings.form == "text" else body
        try:
            address = self._settings.webhook.read()
            if self._session is None:
                timeout = aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
                self._session = aiohttp.ClientSession(timeout=timeout)
            async with self._session.post(address, json=content) as answer:
                if answer.status >= 300:
                    raise DeliveryError(f"the receiver answers {answer.status}")
        except ConfigError as error:
            raise DeliveryError(str(error)) from None
        except TimeoutError:
            raise DeliveryError(f"no answer within {self._settings.timeout_seconds:g} s") from None
        except aiohttp.InvalidURL:
            raise DeliveryError("alerts.webhook is not an http address") from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError(f"the receiver cannot be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Closes the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
