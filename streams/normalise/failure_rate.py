"""The failure rate of parsing, source by source, and the decision whether the fault is ours.

Anybody may post garbage, and one source may be configured with the wrong provider; the worker must not stop for either:
- Only bodies of authenticated senders count. Knowing the address of a source is not enough.
- Only reasons count that can be our fault: a parser that raised, a provider that this version does not have, and, when
  a body gave no event at all, an unknown shape or an unknown element. Broken JSON and oversized events are the
  sender's fault; so are mistakes of a user's own programs in sent records.
- Each source has one vote, however much it sends. The worker is at fault when the sources that it fails to parse
  outnumber those that it parses. While they are a minority, alerts report them and the dead letters are kept for a
  retry.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.reasons import Reason

# The rate of a source is that of its last WINDOW bodies, once it has sent MIN_BODIES.
WINDOW = 200
MIN_BODIES = 100
# A source counts as parsed when one of its last RECENT bodies was, within this time by Kafka's clock.
RECENT = 10
PARSED_WITHIN_MS = 86_400_000

_OURS = frozenset({Reason.PARSER_ERROR, Reason.UNKNOWN_PROVIDER})
_POSSIBLY_OURS = frozenset({Reason.UNKNOWN_SHAPE, Reason.BAD_ELEMENT})
_PARSED = ""
_UNSIGNED = b"unsigned"  # what the edge writes for an unauthenticated sender


@dataclass(slots=True, frozen=True)
class Trip:
    """Why the circuit opens: the source with the highest failure rate, and how many sources fail and are parsed."""

    source: str
    provider: str
    dead: int
    bodies: int
    reason: str
    failing: int
    parsed: int


@dataclass(slots=True)
class _Source:
    provider: bytes = b""
    outcomes: deque[str] = field(default_factory=lambda: deque(maxlen=WINDOW))  # the reason, or _PARSED
    at_ms: int = 0
    parsed_ms: int = 0

    @property
    def dead(self) -> int:
        return len(self.outcomes) - self.outcomes.count(_PARSED)

    def fails(self, limit: float) -> bool:
        return len(self.outcomes) >= MIN_BODIES and self.dead >= limit * len(self.outcomes)

    def is_parsed(self) -> bool:
        return _PARSED in list(self.outcomes)[-RECENT:]


class FailureRates:
    """The failure rates that one worker has seen since its start.

    `limit` = share of a source's bodies from which on the source fails, 0 to 1; 0 = never.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._sources: dict[bytes, _Source] = {}
        self._now_ms = 0
        self._has_new_failures = False  # since the last call of `trip`

    def add(self, headers: Mapping[str, bytes], parsed: bool, letters: Iterable[Mapping[str, Any]], at_ms: int) -> None:
        """Adds one record of wa.raw: its headers, whether it gave any event, its dead letters, Kafka's time of it."""
        if not self._limit or "kind" in headers or headers.get("auth", _UNSIGNED) == _UNSIGNED:
            return
        outcome = _outcome(parsed, [letter["reason"] for letter in letters])
        if outcome is None:
            return
        name = headers.get("source", b"")
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source()
        source.provider = headers.get("provider", b"")
        source.outcomes.append(outcome)
        source.at_ms = self._now_ms = max(self._now_ms, at_ms)
        if outcome == _PARSED:
            source.parsed_ms = source.at_ms
        else:
            self._has_new_failures = True

    def trip(self) -> Trip | None:
        """Why the worker must stop; None while it need not, or without a new failure since the last call."""
        if not self._has_new_failures:
            return None
        self._has_new_failures = False
        since = self._now_ms - PARSED_WITHIN_MS
        failing = {name: one for name, one in self._sources.items() if one.at_ms >= since and one.fails(self._limit)}
        parsed = sum(
            name not in failing and one.parsed_ms >= since and one.is_parsed() for name, one in self._sources.items()
        )
        if len(failing) <= parsed:
            return None
        name, worst = max(failing.items(), key=lambda pair: (pair[1].dead / len(pair[1].outcomes), pair[0]))
        ((reason, _),) = Counter(outcome for outcome in worst.outcomes if outcome != _PARSED).most_common(1)
        source, provider = name.decode("utf-8", "replace"), worst.provider.decode("utf-8", "replace")
        return Trip(source, provider, worst.dead, len(worst.outcomes), reason, len(failing), parsed)


def _outcome(parsed: bool, reasons: list[str]) -> str | None:
    """The reason that can be our fault, _PARSED, or None for a body that proves neither."""
    ours = next((reason for reason in reasons if reason in _OURS), None)
    if ours is None and not parsed:
        ours = next((reason for reason in reasons if reason in _POSSIBLY_OURS), None)
    return ours or (_PARSED if parsed else None)
