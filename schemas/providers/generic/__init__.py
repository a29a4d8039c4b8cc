"""The generic provider, which reads bodies by the mapping in a source's settings."""

from schemas.providers.generic.provider import PROVIDER as PROVIDER
