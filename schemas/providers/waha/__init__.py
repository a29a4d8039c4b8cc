"""The provider WAHA."""

from schemas.providers.waha.provider import PROVIDER as PROVIDER
