"""evolution."""

from schemas.providers.evolution.provider import PROVIDER as PROVIDER
