"""greenapi."""

from schemas.providers.greenapi.provider import PROVIDER as PROVIDER
