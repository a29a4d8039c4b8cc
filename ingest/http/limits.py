"""Rate limits: for each source, for failures of each client without a recently accepted request, for guessed tokens.

The limits are throttled-py's GCRA, a continuous token bucket (8 us per request). They are kept per process: with
several processes each has its own.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from math import ceil, floor
from time import monotonic
from typing import Final

from throttled import RateLimiterType, Throttled, rate_limiter, store

# A client stays proven for this long after a request of it was accepted: its failures then cost nothing, because behind
# a proxy that is not named in `trusted_proxies` honest and other clients share one address.
PROVEN_SECONDS: Final = 3600.0
# Addresses remembered, of each kind; the least recently seen are forgotten first.
MAX_ADDRESSES: Final = 20_000
# A source may send this many seconds' worth of requests at once, at least one request.
BURST_SECONDS: Final = 2

# Stored, or a correct handshake; and: no such source, bad credentials, a wrong token.
_PROOFS: Final = frozenset({200})
FAILURES: Final = frozenset({401, 403, 404})
# Rates are exact to this part of a request a second.
_MILLION: Final = 1_000_000

Network = IPv4Network | IPv6Network


class Limits:
    """The limits of one process. Waiting times are whole seconds, 0 for none."""

    def __init__(
        self,
        per_second: dict[str, float],
        unproven_per_minute: int,
        max_addresses: int = MAX_ADDRESSES,
        on_shared: Callable[[], None] = lambda: None,
    ) -> None:
        """`per_second`: requests by source, sources without a limit left out; 0 unproven: no limit.

        `on_shared` is called once: when one address has both accepted requests and more failures than a stranger may.
        """
        self._sources = {name: _limiter(_per_second(rate), max_addresses) for name, rate in per_second.items()}
        self._burst = unproven_per_minute
        per_minute = rate_limiter.per_min(unproven_per_minute) if unproven_per_minute else None
        self._failures = _limiter(per_minute, max_addresses) if per_minute else None
        self._guesses = _limiter(per_minute, max_addresses) if per_minute else None
        self._on_shared: Callable[[], None] | None = on_shared
        self._proven_until: OrderedDict[str, float] = OrderedDict()
        self._max_addresses = max_addresses

    def source_wait(self, name: str) -> int:
        """Counts a request to a source; the seconds until it would be accepted."""
        limiter = self._sources.get(name)
        if limiter is None:
            return 0
        result = limiter.limit(name)
        return _whole(result.state.retry_after) if result.limited else 0

    def is_proven(self, address: str | None) -> bool:
        """Whether a request of this client was accepted within the last hour."""
        return address is not None and monotonic() < self._proven_until.get(address, 0.0)

    def unproven_wait(self, address: str | None) -> int:
        """Seconds until this client is below the limit of strangers; counts nothing."""
        return 0 if self.is_proven(address) else self._wait(self._failures, address)

    def guess_wait(self, address: str | None) -> int:
        """Seconds until this client, proven or not, may present a token again; counts nothing."""
        return self._wait(self._guesses, address)

    def record_guess(self, address: str | None) -> None:
        """Counts a wrong token."""
        if self._guesses is not None and address is not None:
            self._guesses.limit(address)

    def record_outcome(self, address: str | None, status: int) -> None:
        """Marks a client as proven after a 200, and counts a failure."""
        if address is None:
            return
        if status in _PROOFS:
            if self.unproven_wait(address):
                self._report_shared()
            self._proven_until[address] = monotonic() + PROVEN_SECONDS
            self._proven_until.move_to_end(address)
            if len(self._proven_until) > self._max_addresses:
                self._proven_until.popitem(last=False)
        elif status in FAILURES:
            self.record_failure(address)

    def record_failure(self, address: str | None) -> None:
        """Counts a failed request."""
        if self._failures is None or address is None:
            return
        if self._failures.limit(address).limited and self.is_proven(address):
            self._report_shared()

    def _report_shared(self) -> None:
        if self._on_shared is not None:
            self._on_shared()
            self._on_shared = None

    def _wait(self, limiter: Throttled | None, address: str | None) -> int:
        if limiter is None or address is None:
            return 0
        state = limiter.peek(address)
        # The library's own retry_after of a peek is the time until the limit is passed, not until one is free again.
        interval = 60 / self._burst
        return 0 if state.remaining else _whole(state.reset_after - (self._burst - 1) * interval)


def _per_second(rate: float) -> rate_limiter.Quota:
    """The exact rate: the library counts whole requests in whole seconds, so 0.2 is one request in five seconds."""
    exact = max(Fraction(str(rate)).limit_denominator(_MILLION), Fraction(1, _MILLION))
    burst = max(1, floor(exact * BURST_SECONDS))
    return rate_limiter.per_duration(timedelta(seconds=exact.denominator), exact.numerator, burst)


def _limiter(quota: rate_limiter.Quota, max_addresses: int) -> Throttled:
    memory = store.MemoryStore(options={"MAX_SIZE": max_addresses})
    return Throttled(using=RateLimiterType.GCRA.value, quota=quota, store=memory)


def _whole(seconds: float) -> int:
    return max(1, ceil(seconds))


@lru_cache(maxsize=4096)  # needed for every request; parsing addresses costs 5 us
def client_address(peer: str | None, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    """The client that a request is counted for; an IPv6 client owns a whole /64, so the /64 is its address."""
    return _network(sender_address(peer, forwarded, trusted))


@lru_cache(maxsize=4096)
def sender_address(peer: str | None, forwarded: str | None, trusted: tuple[Network, ...]) -> str | None:
    """The sender's own address: the peer's, or the last one in the header that is not a trusted proxy's.

    `forwarded` is the X-Forwarded-For header, of which only what trusted proxies wrote is used.
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
        return None  # a Unix socket, or nonsense in the header: there is no client to count for
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)
