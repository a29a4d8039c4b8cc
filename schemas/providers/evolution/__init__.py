"""The provider Evolution API."""

from schemas.providers.evolution.provider import PROVIDER as PROVIDER
