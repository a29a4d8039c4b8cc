"""All rules together: what a look changes, what has to be told, what the page shows. Without IO."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dashboards.alerts import groups
from dashboards.alerts.evaluate import Alert, Labels, Resolved, Row, step
from dashboards.alerts.groups import Group, Key, News, Pace
from dashboards.alerts.inner import CLICKHOUSE_AWAY, INNER, RULE_BROKEN, gone
from dashboards.alerts.memory import Look, Memory
from dashboards.alerts.rule import Rule
from dashboards.alerts.words import row


class State:
    """The rules that are watched, in order, and the memory. No rule is looked at more often than every `every` seconds.

    `tells`: whether there is a receiver, so that what it was told has to be remembered. `off`: rules of the evaluator
    itself that are not wanted.
    """

    def __init__(
        self, rules: Sequence[Rule], memory: Memory, *, every: float, tells: bool, off: frozenset[str] = frozenset()
    ) -> None:
        watched = (*(rule for rule in INNER if rule.id not in off), *rules)
        slower = (replace(rule, every_seconds=max(rule.every_seconds, every)) for rule in watched)
        self.rules = {rule.id: rule for rule in slower}
        self.memory = memory
        self._tells = tells

    def rule(self, identifier: str) -> Rule:
        """The rule, or words in its place when it is not watched."""
        return self.rules.get(identifier) or gone(identifier)

    def looked(self, rule: Rule, rows: Iterable[Row], now: float) -> None:
        """The rows of a rule at `now`."""
        rule = self.rules[rule.id]
        look = self._look(rule)
        after, over = step(rule, self.memory.alerts.get(rule.id, {}), rows, now, look.seen_at)
        if after:
            self.memory.alerts[rule.id] = after
        else:
            self.memory.alerts.pop(rule.id, None)
        self.memory.looks[rule.id] = Look(seen_at=now)
        self._regroup(rule, over, now)

    def refused(self, rule: Rule, why: str, now: float) -> None:
        """The rule could not be judged at `now`: its alerts stay as they are."""
        look = self._look(rule)
        since = now if look.error_since is None else look.error_since
        self.memory.looks[rule.id] = Look(look.seen_at, why, since)

    def looked_inward(self, now: float, *, away: bool) -> None:
        """The rules that no table answers. While ClickHouse is away nothing is known of the others."""
        if CLICKHOUSE_AWAY.id in self.rules:
            self.looked(CLICKHOUSE_AWAY, [row(CLICKHOUSE_AWAY, {"value": float(away)})], now)
        if away or RULE_BROKEN.id not in self.rules:
            return
        rows = []
        for name, look in self.memory.looks.items():
            if look.error_since is not None and name in self.rules:
                blind = max(now - look.error_since, 0.0)
                told = {"blind": name, "value": blind, "blind_seconds": blind, "why": look.error}
                rows.append(row(RULE_BROKEN, told))
        self.looked(RULE_BROKEN, rows, now)

    def forget_others(self, now: float) -> None:
        """Ends what fires of rules that are switched off or gone, and forgets their looks."""
        for name in [name for name in self.memory.alerts if name not in self.rules]:
            del self.memory.alerts[name]
        for name in [name for name in self.memory.looks if name not in self.rules]:
            del self.memory.looks[name]
        for key in list(self.memory.groups):
            if not self._tells or key[0] not in self.rules:
                self._set(key, groups.update(self.memory.groups[key], {}, (), now))
        if not self._tells:
            self.memory.groups.clear()

    def firing(self, key: Key) -> dict[Labels, Alert]:
        """What fires of a group."""
        if key[0] not in self.rules:
            return {}
        rule = self.rules[key[0]]
        return {
            labels: alert
            for labels, alert in self._of(rule).items()
            if alert.state == "firing" and groups.key_of(rule, labels) == key
        }

    def due(self, now: float, pace: Pace) -> tuple[Key, News] | None:
        """The group that has waited longest for its message, and what to tell of it."""
        found = [
            (group.waiting_since or now, key, told)
            for key, group in self.memory.groups.items()
            if (told := groups.news(group, self.firing(key), now, pace)) is not None
        ]
        return min(found, key=lambda each: each[0])[1:] if found else None

    def leaves(self, key: Key, news: News) -> None:
        """The message is about to be sent; the memory is to be saved before it is."""
        self._set(key, groups.leaves(self.memory.groups[key], news))

    def arrived(self, key: Key, news: News, now: float) -> None:
        """The receiver has the message."""
        group = groups.arrived(self.memory.groups[key], news, now)
        self._set(key, groups.update(group, self.firing(key), (), now))

    def failed(self, key: Key, now: float) -> int:
        """The receiver did not take it; how often in a row."""
        group = groups.failed(self.memory.groups[key], now)
        self._set(key, group)
        return group.tries

    def shown(self) -> list[dict[str, Any]]:
        """One entry a rule, or one a row of it that is not good; times are datetimes."""
        return [entry for rule in self.rules.values() for entry in self._entries(rule)]

    def _entries(self, rule: Rule) -> list[dict[str, Any]]:
        look = self._look(rule)
        blind = look.seen_at is None or look.error is not None
        entry: dict[str, Any] = {
            "rule": rule.id,
            "title": rule.title,
            "severity": rule.severity,
            "state": "unknown" if blind else "ok",
            "labels": {},
            "text": look.error or "",
            "since": _moment(look.error_since),
            "looked_at": _moment(look.seen_at),
            "meaning": rule.meaning,
            "action": rule.remediation,
            "dashboard": rule.dashboard,
        }
        alerts = self.memory.alerts.get(rule.id, {}).values()
        bad = [
            {
                **entry,
                "state": alert.state,
                "labels": dict(alert.labels),
                "text": alert.summary,
                "since": _moment(alert.fired_at or alert.started_at),
            }
            for alert in alerts
        ]
        return bad or [entry]

    def _look(self, rule: Rule) -> Look:
        return self.memory.looks.get(rule.id, Look())

    def _regroup(self, rule: Rule, over: Sequence[Resolved], now: float) -> None:
        if not self._tells:
            return
        ends: dict[Key, list[Resolved]] = {}
        for end in over:
            ends.setdefault(groups.key_of(rule, end.alert.labels), []).append(end)
        firing = {groups.key_of(rule, labels) for labels, alert in self._of(rule).items() if alert.state == "firing"}
        known = {key for key in self.memory.groups if key[0] == rule.id}
        for key in sorted({*ends, *firing, *known}):
            group = self.memory.groups.get(key, Group())
            self._set(key, groups.update(group, self.firing(key), ends.get(key, ()), now))

    def _of(self, rule: Rule) -> Mapping[Labels, Alert]:
        return self.memory.alerts.get(rule.id, {})

    def _set(self, key: Key, group: Group) -> None:
        if groups.idle(group):
            self.memory.groups.pop(key, None)
        else:
            self.memory.groups[key] = group


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
