"""zapi."""

from schemas.providers.zapi.provider import PROVIDER as PROVIDER
