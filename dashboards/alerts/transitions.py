"""State transitions of alerts from one evaluation to the next: normal, pending, firing, resolved.

Only time between evaluations counts. A restart, a frozen machine, a clock that jumped or a ClickHouse that did not
answer neither fires nor resolves an alert: between two evaluations at most twice the rule's interval is counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from dashboards.alerts.rule import Rule

Labels = tuple[tuple[str, str], ...]
# Longest time that counts between two evaluations, in intervals of the rule: an evaluation may be late.
_MAX_INTERVALS: Final = 2.0


@dataclass(slots=True, frozen=True)
class Row:
    """One row of a rule's result. `value` is None when the row exists but its value is unknown."""

    labels: Labels
    value: float | None
    summary: str


@dataclass(slots=True, frozen=True)
class Alert:
    """A row above its rule's threshold, or one that fired and has not been resolved yet.

    `elapsed`: seconds above the threshold (pending) or back to normal (firing). `recovering`: the alert fires, and the
    last evaluation found the row back to normal. Times are seconds since 1970.
    """

    rule: str
    labels: Labels
    state: Literal["pending", "firing"]
    started_at: float
    elapsed: float
    recovering: bool
    value: float
    summary: str
    fired_at: float | None = None


@dataclass(slots=True, frozen=True)
class Resolved:
    """An alert that fired and was resolved at `at`."""

    alert: Alert
    at: float


def next_alerts(
    rule: Rule, alerts: Mapping[Labels, Alert], rows: Iterable[Row], now: float, previous_at: float | None
) -> tuple[dict[Labels, Alert], list[Resolved]]:
    """The alerts of a rule after an evaluation at `now`, and those that it resolved.

    `previous_at` is the time of the evaluation before. Of several rows with the same labels the highest value counts.
    """
    passed = 0.0 if previous_at is None else min(max(now - previous_at, 0.0), _MAX_INTERVALS * rule.every_seconds)
    found = _highest(rows)
    after: dict[Labels, Alert] = {}
    resolved: list[Resolved] = []
    for labels in [*alerts, *(labels for labels in found if labels not in alerts)]:
        alert = _next(rule, alerts.get(labels), labels, found.get(labels), now, passed)
        if isinstance(alert, Resolved):
            resolved.append(alert)
        elif alert is not None:
            after[labels] = alert
    return after, resolved


def _highest(rows: Iterable[Row]) -> dict[Labels, Row]:
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
        return alert  # an unknown value changes nothing
    value = row.value if row is not None else None
    if alert is None or alert.state == "pending":
        if row is None or value is None or value <= rule.above:
            return None
        return _above_threshold(rule, alert, labels, value, row.summary, now, passed)
    if row is not None and value is not None and value > rule.clear:
        return replace(alert, elapsed=0.0, recovering=False, value=value, summary=row.summary)
    elapsed = alert.elapsed + passed if alert.recovering else 0.0
    if elapsed >= rule.keep_seconds:
        return Resolved(alert, now)
    return replace(alert, elapsed=elapsed, recovering=True)


def _above_threshold(
    rule: Rule, alert: Alert | None, labels: Labels, value: float, summary: str, now: float, passed: float
) -> Alert:
    """The alert of a row that has not fired yet, after one more evaluation found it above the threshold."""
    elapsed = 0.0 if alert is None else alert.elapsed + passed
    fires = elapsed >= rule.for_seconds
    return Alert(
        rule=rule.id,
        labels=labels,
        state="firing" if fires else "pending",
        started_at=now if alert is None else alert.started_at,
        elapsed=0.0 if fires else elapsed,
        recovering=False,
        value=value,
        summary=summary,
        fired_at=now if fires else None,
    )
