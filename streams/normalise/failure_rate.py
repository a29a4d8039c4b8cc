"""Whether what is not understood is our fault: the share of such bodies, source by source. Pure.

Anybody may post rubbish, and one source may be set to the wrong provider, so the worker must not stop for either:
- Only bodies count whose sender was proven at the edge; whoever merely knows an address moves nothing.
- Only reasons count that can be ours: a parser that raised, a provider that this version does not have, and, where a
  body gave no event at all, a shape or an element that we do not know. Broken JSON and oversized events are theirs;
  so is what a user's own programs say about sent messages.
- A source has one voice however much it sends. The worker is wrong, not they, when the sources that it fails to
  understand are more than those that it understands; as long as it is a minority, alerts tell, and letters wait for a
  retry.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.reasons import Reason

# Of one source: its last bodies, and how many of them it takes to judge it.
WINDOW = 200
LEAST = 100
# A source is understood when one of so many last bodies was, and that by Kafka's clock within so long.
LATEST = 10
UNDERSTOOD_MS = 86_400_000

_OURS = frozenset({Reason.PARSER_ERROR, Reason.UNKNOWN_PROVIDER})
_PERHAPS_OURS = frozenset({Reason.UNKNOWN_SHAPE, Reason.BAD_ELEMENT})
_UNDERSTOOD = ""
_UNSIGNED = b"unsigned"  # what the edge writes for a sender who proved nothing


@dataclass(slots=True, frozen=True)
class Broken:
    """The source that is understood least, and how many others there are on either side."""

    source: str
    provider: str
    dead: int
    bodies: int
    reason: str
    failing: int
    understood: int


@dataclass(slots=True)
class _Source:
    provider: bytes = b""
    outcomes: deque[str] = field(default_factory=lambda: deque(maxlen=WINDOW))  # the reason, or _UNDERSTOOD
    at_ms: int = 0
    understood_ms: int = 0

    @property
    def dead(self) -> int:
        return len(self.outcomes) - self.outcomes.count(_UNDERSTOOD)

    def fails(self, limit: float) -> bool:
        return len(self.outcomes) >= LEAST and self.dead >= limit * len(self.outcomes)

    def is_understood(self) -> bool:
        return _UNDERSTOOD in list(self.outcomes)[-LATEST:]


class Shares:
    """What one worker has seen since its start. `limit` = share of a source's bodies, 0 = never broken."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._sources: dict[bytes, _Source] = {}
        self._now_ms = 0
        self._worse = False  # since the last judgement

    def add(
        self, headers: Mapping[str, bytes], understood: bool, letters: Iterable[Mapping[str, Any]], at_ms: int
    ) -> None:
        """One record of wa.raw: its headers, whether it gave any event, its dead letters, and Kafka's time of it."""
        if not self._limit or "kind" in headers or headers.get("auth", _UNSIGNED) == _UNSIGNED:
            return
        outcome = _outcome(understood, [letter["reason"] for letter in letters])
        if outcome is None:
            return
        name = headers.get("source", b"")
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = _Source()
        source.provider = headers.get("provider", b"")
        source.outcomes.append(outcome)
        source.at_ms = self._now_ms = max(self._now_ms, at_ms)
        if outcome == _UNDERSTOOD:
            source.understood_ms = source.at_ms
        else:
            self._worse = True

    def broken(self) -> Broken | None:
        """The reason to stop, None as long as there is none, or none that is new since the last call."""
        if not self._worse:
            return None
        self._worse = False
        since = self._now_ms - UNDERSTOOD_MS
        failing = {name: one for name, one in self._sources.items() if one.at_ms >= since and one.fails(self._limit)}
        understood = sum(
            name not in failing and one.understood_ms >= since and one.is_understood()
            for name, one in self._sources.items()
        )
        if len(failing) <= understood:
            return None
        name, worst = max(failing.items(), key=lambda pair: (pair[1].dead / len(pair[1].outcomes), pair[0]))
        ((reason, _),) = Counter(outcome for outcome in worst.outcomes if outcome != _UNDERSTOOD).most_common(1)
        source, provider = name.decode("utf-8", "replace"), worst.provider.decode("utf-8", "replace")
        return Broken(source, provider, worst.dead, len(worst.outcomes), reason, len(failing), understood)


def _outcome(understood: bool, reasons: list[str]) -> str | None:
    """The reason that may be ours, _UNDERSTOOD, or None for a body that says nothing about us."""
    ours = next((reason for reason in reasons if reason in _OURS), None)
    if ours is None and not understood:
        ours = next((reason for reason in reasons if reason in _PERHAPS_OURS), None)
    return ours or (_UNDERSTOOD if understood else None)
