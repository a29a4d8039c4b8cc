"""The state of each watched thing, from one look to the next: good, pending, firing, resolved. Pure.

Only time that was looked at counts. A restart, a frozen machine, a clock that jumped or a ClickHouse that did not
answer neither makes an alert fire nor resolves one: between two looks at most twice the rule's interval is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from dashboards.alerts.rule import Rule

Labels = tuple[tuple[str, str], ...]
_LOOKS: Final = 2.0  # of the rule's interval: a look may be late, more than that was not looked at


@dataclass(slots=True, frozen=True)
class Row:
    """One row of a rule's answer. `value` None: known to exist, but not how it is."""

    labels: Labels
    value: float | None
    summary: str


@dataclass(slots=True, frozen=True)
class Alert:
    """A row that is bad, or was until just now.

    `held`: seconds that it has been bad (pending), or good again (firing); `good`: whether the last look found it good.
    Times are seconds since 1970.
    """

    rule: str
    labels: Labels
    state: Literal["pending", "firing"]
    started_at: float
    held: float
    good: bool
    value: float
    summary: str
    fired_at: float | None = None


@dataclass(slots=True, frozen=True)
class Resolved:
    """A fired alert that is over."""

    alert: Alert
    at: float


def step(
    rule: Rule, alerts: Mapping[Labels, Alert], rows: Iterable[Row], now: float, seen_at: float | None
) -> tuple[dict[Labels, Alert], list[Resolved]]:
    """What is pending or firing after a look at `now`, and what has been resolved by it; the look before was `seen_at`.

    Of several rows with the same labels the worst counts.
    """
    passed = 0.0 if seen_at is None else min(max(now - seen_at, 0.0), _LOOKS * rule.every_seconds)
    found = _worst(rows)
    after: dict[Labels, Alert] = {}
    over: list[Resolved] = []
    for labels in [*alerts, *(labels for labels in found if labels not in alerts)]:
        alert = _next(rule, alerts.get(labels), labels, found.get(labels), now, passed)
        if isinstance(alert, Resolved):
            over.append(alert)
        elif alert is not None:
            after[labels] = alert
    return after, over


def _worst(rows: Iterable[Row]) -> dict[Labels, Row]:
    found: dict[Labels, Row] = {}
    for row in rows:
        known = found.get(row.labels)
        if known is None or known.value is None or (row.value is not None and row.value > known.value):
            found[row.labels] = row
    return found


def _next(
    rule: Rule, alert: Alert | None, labels: Labels, row: Row | None, now: float, passed: float
) -> Alert | Resolved | None:
    if row is not None and row.value is None:
        return alert  # not known: as before
    value = row.value if row is not None else None
    if alert is None or alert.state == "pending":
        if row is None or value is None or value <= rule.above:
            return None
        return _bad(rule, alert, labels, value, row.summary, now, passed)
    if row is not None and value is not None and value > rule.clear:
        return replace(alert, held=0.0, good=False, value=value, summary=row.summary)
    held = alert.held + passed if alert.good else 0.0
    if held >= rule.keep_seconds:
        return Resolved(alert, now)
    return replace(alert, held=held, good=True)


def _bad(
    rule: Rule, alert: Alert | None, labels: Labels, value: float, summary: str, now: float, passed: float
) -> Alert:
    """A row that has not fired yet, after one more look that found it bad."""
    held = 0.0 if alert is None else alert.held + passed
    fires = held >= rule.for_seconds
    return Alert(
        rule=rule.id,
        labels=labels,
        state="firing" if fires else "pending",
        started_at=now if alert is None else alert.started_at,
        held=0.0 if fires else held,
        good=False,
        value=value,
        summary=summary,
        fired_at=now if fires else None,
    )
