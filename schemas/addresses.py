"""The addresses of a source, as people and providers really write them.

Users add a slash at the end, join two that both have one, or write in capitals. Names of sources have no capitals, so
every such address means one source; only what follows the name is taken as it is: it may be a secret.
"""

from typing import Literal, NamedTuple

Kind = Literal["webhooks", "sent"]

_KINDS: dict[str, Kind] = {"webhooks": "webhooks", "sent": "sent"}


class Address(NamedTuple):
    """One address: what is sent there, the source's name, and what follows it, without slashes around it."""

    kind: Kind
    source: str
    tail: str


def address_of(path: str) -> Address | None:
    """The address in a decoded path; None for any other path."""
    parts = [part for part in path.split("/") if part]
    kind = _KINDS.get(parts[0].lower()) if len(parts) > 1 else None
    return None if kind is None else Address(kind, parts[1].lower(), "/".join(parts[2:]))


def address_behind_proxy(path: str, source: str) -> Address | None:
    """The webhook address of `source` in a path that a proxy may have extended at its beginning."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        found = address_of("/".join(parts[place:])) if part.lower() == "webhooks" else None
        if found is not None and found.source == source:
            return found
    return None
