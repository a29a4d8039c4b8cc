"""The provider Twilio."""

from schemas.providers.twilio.provider import PROVIDER as PROVIDER
