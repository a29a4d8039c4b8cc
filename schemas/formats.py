"""Which provider's format a record has: its provider's, as its source sets it up. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas import providers
from schemas.providers import Provider


@dataclass(slots=True, frozen=True)
class Formats:
    """The providers by name, and those that a source's settings changed, by the source's name.

    Without arguments: the providers of this package as their files define them.
    """

    known: Mapping[str, Provider] = field(default_factory=providers.load)
    by_source: Mapping[str, Provider] = field(default_factory=dict)

    def of(self, source: str, provider: str) -> Provider | None:
        """How to read a record of this source and this provider; None when there is no such provider.

        Settings count only while they name the record's own provider: an old record is read as what it came as.
        """
        own = self.by_source.get(source)
        return own if own is not None and own.name == provider else self.known.get(provider)
