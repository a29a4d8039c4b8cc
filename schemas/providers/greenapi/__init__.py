"""The provider Green-API."""

from schemas.providers.greenapi.provider import PROVIDER as PROVIDER
