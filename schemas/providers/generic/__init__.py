"""generic."""

from schemas.providers.generic.provider import PROVIDER as PROVIDER
