"""The body of a notification: the format of Alertmanager's webhook, with a text that chats show.

Of each row it contains the rule's labels and its summary. These contain names, counts and times, but no phone numbers
and no texts of messages.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, TypedDict

from dashboards.alerts.notifications import GroupKey, Notice, Notification
from dashboards.alerts.rule import Rule
from dashboards.alerts.transitions import Labels

_MAX_ALERTS: Final = 50  # rows in one body; the others are only counted
_MAX_LINES: Final = 10  # rows in the text
_NOT_ENDED: Final = "0001-01-01T00:00:00Z"  # Alertmanager's value for an alert that still fires
_RECEIVER: Final = "ackstream"


class Body(TypedDict):
    """The JSON body of a notification. `id`, `stillFiring`, `repeat` and `text` are additions to Alertmanager's."""

    id: str
    version: str
    receiver: str
    status: str
    groupKey: str
    groupLabels: dict[str, str]
    commonLabels: dict[str, str]
    commonAnnotations: dict[str, str]
    externalURL: str
    truncatedAlerts: int
    alerts: list[dict[str, Any]]
    stillFiring: int
    repeat: bool
    text: str


def body(rule: Rule, key: GroupKey, sent: Notification, number: int, page: str) -> Body:
    """The body. `number`: how many notifications of this group were delivered before. `page`: URL of the dashboard."""
    rows = (*sent.firing, *sent.resolved)
    alerts = [_alert(rule, each, page) for each in rows[:_MAX_ALERTS]]
    name = {"alertname": rule.title}
    return {
        "id": _identity(key, sent, number),
        "version": "4",
        "receiver": _RECEIVER,
        "status": "firing" if sent.firing or sent.still_firing else "resolved",
        "groupKey": f"{rule.id}:{_joined(key[1])}",
        "groupLabels": name | dict(key[1]),
        "commonLabels": name | {"rule": rule.id, "severity": rule.severity} | dict(key[1]),
        "commonAnnotations": {"description": rule.meaning, "action": rule.remediation},
        "externalURL": page,
        "truncatedAlerts": len(rows) - len(alerts),
        "alerts": alerts,
        "stillFiring": sent.still_firing,
        "repeat": sent.repeat,
        "text": text(rule, sent, page),
    }


def _alert(rule: Rule, each: Notice, page: str) -> dict[str, Any]:
    labels = {"alertname": rule.title, "rule": rule.id, "severity": rule.severity, **dict(each.labels)}
    return {
        "status": "firing" if each.ended_at is None else "resolved",
        "labels": labels,
        "annotations": {"summary": each.summary, "description": rule.meaning, "action": rule.remediation},
        "startsAt": rfc3339(each.started_at),
        "endsAt": _NOT_ENDED if each.ended_at is None else rfc3339(each.ended_at),
        "generatorURL": page,
        "fingerprint": fingerprint(rule.id, each.labels),
        "value": each.value,
    }


def text(rule: Rule, sent: Notification, page: str) -> str:
    """The lines for people: what is wrong, how severe, since when, what to do."""
    lines = []
    if sent.firing:
        reminder = ", still firing" if sent.repeat else ""
        lines.append(f"🔴 {rule.title} ({rule.severity}{reminder})")
        lines += _list(sent.firing)
    if sent.resolved:
        lines.append(f"✅ Resolved: {rule.title}")
        lines += _list(sent.resolved)
    if sent.still_firing:
        alerts = "other alert of this rule still fires" if sent.still_firing == 1 else "other alerts still fire"
        lines.append(f"{sent.still_firing} {alerts}.")
    if sent.firing:
        lines.append(f"What to do: {rule.remediation}")
    return "\n".join([*lines, page])


def _list(rows: Sequence[Notice]) -> list[str]:
    lines = [f"• {each.summary} ({_when(each)})" for each in rows[:_MAX_LINES]]
    return [*lines, f"• and {len(rows) - _MAX_LINES} more"] if len(rows) > _MAX_LINES else lines


def _when(each: Notice) -> str:
    began = datetime.fromtimestamp(each.started_at, UTC)
    if each.ended_at is None:
        return f"since {began:%Y-%m-%d %H:%M} UTC"
    return f"from {began:%Y-%m-%d %H:%M} to {datetime.fromtimestamp(each.ended_at, UTC):%Y-%m-%d %H:%M} UTC"


def trial(page: str) -> Body:
    """The body that `ackstream alerts --test` sends."""
    return {
        "id": "test", "version": "4", "receiver": _RECEIVER, "status": "firing", "groupKey": "test", "groupLabels": {},
        "commonLabels": {"alertname": "Test"}, "commonAnnotations": {}, "externalURL": page, "truncatedAlerts": 0,
        "alerts": [], "stillFiring": 0, "repeat": False,
        "text": f"🔔 Ackstream: this is a test. Alerts will arrive here.\n{page}",
    }  # fmt: skip


def only_text(full: Body) -> dict[str, str]:
    """The body for receivers that reject unknown fields."""
    return {"text": full["text"]}


def rfc3339(seconds: float) -> str:
    """A time as RFC 3339, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fingerprint(rule: str, labels: Labels) -> str:
    """A hash of the rule and the labels that never changes."""
    return sha256(repr((rule, labels)).encode()).hexdigest()[:16]


def _joined(labels: Labels) -> str:
    return ",".join(f"{name}={value}" for name, value in labels)


def _identity(key: GroupKey, sent: Notification, number: int) -> str:
    """The same id when a notification is sent again because its delivery is unknown: receivers can drop duplicates."""
    reported = [(each.labels, each.started_at, each.ended_at is None) for each in (*sent.firing, *sent.resolved)]
    return sha256(repr((key, sorted(reported), number)).encode()).hexdigest()[:32]
