"""All rules with their state: what an evaluation changes, which notification is due, what the page shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from dashboards.alerts import notifications
from dashboards.alerts.builtin_rules import BUILTIN_RULES, CLICKHOUSE_UNREACHABLE, RULE_NOT_EVALUATED, removed_rule
from dashboards.alerts.notifications import Group, GroupKey, Intervals, Notification
from dashboards.alerts.row_text import to_row
from dashboards.alerts.rule import Rule, Severity
from dashboards.alerts.saved_state import Evaluation, SavedState
from dashboards.alerts.transitions import Alert, Labels, Resolved, Row, next_alerts


class Entry(TypedDict):
    """One rule, or one of its rows that is pending or firing, as the page and `ackstream alerts` show it."""

    rule: str
    title: str
    severity: Severity
    state: str  # ok, pending, firing or unknown
    labels: dict[str, str]
    text: str
    since: datetime | None
    evaluated_at: datetime | None
    meaning: str
    action: str
    dashboard: str


class Evaluator:
    """The active rules in order, and their state. No rule is evaluated more often than every `every` seconds.

    `has_receiver`: whether notifications are sent, so that the receiver's knowledge has to be kept. `disabled`: ids of
    built-in rules that are switched off.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        state: SavedState,
        *,
        every: float,
        has_receiver: bool,
        disabled: frozenset[str] = frozenset(),
    ) -> None:
        active = (*(rule for rule in BUILTIN_RULES if rule.id not in disabled), *rules)
        slower = (replace(rule, every_seconds=max(rule.every_seconds, every)) for rule in active)
        self.rules = {rule.id: rule for rule in slower}
        self.state = state
        self._has_receiver = has_receiver

    def rule(self, identifier: str) -> Rule:
        """The rule, or a stand-in with texts when it is not active."""
        return self.rules.get(identifier) or removed_rule(identifier)

    def record_rows(self, rule: Rule, rows: Iterable[Row], now: float) -> None:
        """Applies the rows that an evaluation at `now` returned."""
        rule = self.rules[rule.id]
        previous = self._evaluation(rule)
        after, resolved = next_alerts(rule, self._alerts(rule), rows, now, previous.succeeded_at)
        if after:
            self.state.alerts[rule.id] = after
        else:
            self.state.alerts.pop(rule.id, None)
        self.state.evaluations[rule.id] = Evaluation(succeeded_at=now)
        self._regroup(rule, resolved, now)

    def record_failure(self, rule: Rule, error: str, now: float) -> None:
        """Records that the rule could not be evaluated at `now`; its alerts keep their state."""
        previous = self._evaluation(rule)
        since = now if previous.failing_since is None else previous.failing_since
        self.state.evaluations[rule.id] = Evaluation(previous.succeeded_at, error, since)

    def evaluate_builtin(self, now: float, *, unreachable: bool) -> None:
        """Evaluates the built-in rules. While ClickHouse is unreachable, nothing is known about the other rules."""
        if CLICKHOUSE_UNREACHABLE.id in self.rules:
            row = to_row(CLICKHOUSE_UNREACHABLE, {"value": float(unreachable)})
            self.record_rows(CLICKHOUSE_UNREACHABLE, [row], now)
        if unreachable or RULE_NOT_EVALUATED.id not in self.rules:
            return
        rows = []
        for name, evaluation in self.state.evaluations.items():
            if evaluation.failing_since is not None and name in self.rules:
                seconds = max(now - evaluation.failing_since, 0.0)
                columns = {"failed_rule": name, "value": seconds, "failed_seconds": seconds, "error": evaluation.error}
                rows.append(to_row(RULE_NOT_EVALUATED, columns))
        self.record_rows(RULE_NOT_EVALUATED, rows, now)

    def end_inactive(self, now: float) -> None:
        """Resolves the alerts of rules that were switched off or removed, and forgets their evaluations."""
        for name in [name for name in self.state.alerts if name not in self.rules]:
            del self.state.alerts[name]
        for name in [name for name in self.state.evaluations if name not in self.rules]:
            del self.state.evaluations[name]
        for key in list(self.state.groups):
            if not self._has_receiver or key[0] not in self.rules:
                self._set(key, notifications.update(self.state.groups[key], {}, (), now))
        if not self._has_receiver:
            self.state.groups.clear()

    def firing(self, key: GroupKey) -> dict[Labels, Alert]:
        """The firing alerts of a group."""
        if key[0] not in self.rules:
            return {}
        rule = self.rules[key[0]]
        return {
            labels: alert
            for labels, alert in self._alerts(rule).items()
            if alert.state == "firing" and notifications.group_key(rule, labels) == key
        }

    def next_notification(self, now: float, intervals: Intervals) -> tuple[GroupKey, Notification] | None:
        """The due notification whose group has waited longest; None when no notification is due."""
        found = [
            (group.pending_since or now, key, due)
            for key, group in self.state.groups.items()
            if (due := notifications.due_notification(group, self.firing(key), now, intervals)) is not None
        ]
        return min(found, key=lambda each: each[0])[1:] if found else None

    def sending(self, key: GroupKey, sent: Notification) -> None:
        """Records that the notification is about to be sent; the state is to be saved before sending."""
        self._set(key, notifications.sending(self.state.groups[key], sent))

    def delivered(self, key: GroupKey, sent: Notification, now: float) -> None:
        """Records that the receiver accepted the notification."""
        group = notifications.delivered(self.state.groups[key], sent, now)
        self._set(key, notifications.update(group, self.firing(key), (), now))

    def delivery_failed(self, key: GroupKey, now: float) -> None:
        """Records that the receiver did not accept the notification."""
        self._set(key, notifications.failed(self.state.groups[key], now))

    def entries(self) -> list[Entry]:
        """One entry for each rule, or one for each of its rows that is pending or firing."""
        return [entry for rule in self.rules.values() for entry in self._entries(rule)]

    def _entries(self, rule: Rule) -> list[Entry]:
        evaluation = self._evaluation(rule)
        unknown = evaluation.succeeded_at is None or evaluation.error is not None
        entry: Entry = {
            "rule": rule.id,
            "title": rule.title,
            "severity": rule.severity,
            "state": "unknown" if unknown else "ok",
            "labels": {},
            "text": evaluation.error or "",
            "since": _utc(evaluation.failing_since),
            "evaluated_at": _utc(evaluation.succeeded_at),
            "meaning": rule.meaning,
            "action": rule.remediation,
            "dashboard": rule.dashboard,
        }
        return [_entry_of(entry, alert) for alert in self._alerts(rule).values()] or [entry]

    def _evaluation(self, rule: Rule) -> Evaluation:
        return self.state.evaluations.get(rule.id, Evaluation())

    def _regroup(self, rule: Rule, resolved: Sequence[Resolved], now: float) -> None:
        if not self._has_receiver:
            return
        ends: dict[GroupKey, list[Resolved]] = {}
        for end in resolved:
            ends.setdefault(notifications.group_key(rule, end.alert.labels), []).append(end)
        alerts = self._alerts(rule).items()
        firing = {notifications.group_key(rule, labels) for labels, alert in alerts if alert.state == "firing"}
        known = {key for key in self.state.groups if key[0] == rule.id}
        for key in sorted({*ends, *firing, *known}):
            group = self.state.groups.get(key, Group())
            self._set(key, notifications.update(group, self.firing(key), ends.get(key, ()), now))

    def _alerts(self, rule: Rule) -> Mapping[Labels, Alert]:
        return self.state.alerts.get(rule.id, {})

    def _set(self, key: GroupKey, group: Group) -> None:
        if notifications.idle(group):
            self.state.groups.pop(key, None)
        else:
            self.state.groups[key] = group


def _entry_of(rule_entry: Entry, alert: Alert) -> Entry:
    return {
        **rule_entry,
        "state": alert.state,
        "labels": dict(alert.labels),
        "text": alert.summary,
        "since": _utc(alert.fired_at or alert.started_at),
    }


def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
