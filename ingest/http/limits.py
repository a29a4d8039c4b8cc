"""How fast requests may come: a bucket for each source, and one for each address that has proven nothing. IO-free.

The buckets are throttled-py's GCRA, a token bucket without steps (8 us a request). They are kept per process: with
several the limits hold for each.
"""

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from math import ceil
from time import monotonic
from typing import Final

from throttled import RateLimiterType, Throttled, rate_limiter, store

# An address is known for this long after a request of it was accepted: its failures then cost nothing, for behind a
# proxy that is not named in `trusted_proxies` honest and other clients share one address.
KNOWN_SECONDS: Final = 3600.0
# Addresses remembered, of each sort; the least recently seen are forgotten first.
_ADDRESSES: Final = 20_000

# Stored, or a handshake that was right; and: no such source, bad credentials, a wrong token.
_PROVEN: Final = frozenset({200})
_FAILED: Final = frozenset({401, 403, 404})

Network = IPv4Network | IPv6Network


class Limits:
    """`source(...)` and `stranger(...)` say how many seconds a client has to wait, 0 for none."""

    def __init__(self, per_second: dict[str, float], strangers_per_minute: int) -> None:
        """`per_second`: requests by source, those without a limit left out; 0 strangers: no limit."""
        quotas = {name: rate_limiter.per_sec(ceil(rate), 2 * ceil(rate)) for name, rate in per_second.items()}
        self._sources = {name: _bucket(quota) for name, quota in quotas.items()}
        quota = rate_limiter.per_min(strangers_per_minute, strangers_per_minute) if strangers_per_minute else None
        self._strangers = _bucket(quota) if quota is not None else None
        self._known: OrderedDict[str, float] = OrderedDict()

    def source(self, name: str) -> int:
        """Counts a request to a source."""
        bucket = self._sources.get(name)
        return 0 if bucket is None else _wait(bucket.limit(name))

    def stranger(self, address: str | None) -> int:
        """Seconds until a request of this address is heard again; counts nothing."""
        if self._strangers is None or address is None or monotonic() < self._known.get(address, 0.0):
            return 0
        return 0 if self._strangers.peek(address).remaining else 1

    def saw(self, address: str | None, status: int) -> None:
        """Learns from an answer: who proved something is known, who did not pays for it."""
        if self._strangers is None or address is None:
            return
        if status in _PROVEN:
            self._known[address] = monotonic() + KNOWN_SECONDS
            self._known.move_to_end(address)
            if len(self._known) > _ADDRESSES:
                self._known.popitem(last=False)
        elif status in _FAILED:
            self._strangers.limit(address)


def _bucket(quota: rate_limiter.Quota) -> Throttled:
    memory = store.MemoryStore(options={"MAX_SIZE": _ADDRESSES})
    return Throttled(using=RateLimiterType.GCRA.value, quota=quota, store=memory)


def _wait(result: rate_limiter.RateLimitResult) -> int:
    return max(1, ceil(result.state.retry_after)) if result.limited else 0


@lru_cache(maxsize=4096)  # asked on every request; parsing addresses costs 5 us
def client_address(peer: str | None, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    """The address that a request counts for; an IPv6 client owns a whole /64, so that is its address."""
    return _network(sender_address(peer, forwarded, trusted))


@lru_cache(maxsize=4096)
def sender_address(peer: str | None, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    """The peer, or the last address that trusted proxies did not name themselves.

    `forwarded` is the X-Forwarded-For header, believed only as far as trusted proxies wrote it.
    """
    address = peer
    hops = [hop.strip() for hop in (forwarded or "").split(",") if hop.strip()]
    while address is not None and hops and _is_in(address, trusted):
        address = hops.pop()
    return address


def _is_in(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _network(address: str | None) -> str | None:
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None  # a Unix socket, or nonsense in the header: nobody to hold to it
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)
