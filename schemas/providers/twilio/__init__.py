"""twilio."""

from schemas.providers.twilio.provider import PROVIDER as PROVIDER
