"""The provider Z-API."""

from schemas.providers.zapi.provider import PROVIDER as PROVIDER
