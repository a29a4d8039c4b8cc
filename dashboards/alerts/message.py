"""What is posted: the form of Alertmanager's webhook, with a text that chats show. Pure.

Of a row it holds the rule's labels and its summary, and these hold names, counts and times: no number of a person and
no word of a message.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from dashboards.alerts.evaluate import Labels
from dashboards.alerts.groups import Key, News, Told
from dashboards.alerts.rule import Rule

_SHOWN: Final = 50  # rows of one message; the rest is counted
_LINES: Final = 10  # of them in the text
_NEVER: Final = "0001-01-01T00:00:00Z"  # Alertmanager's "not yet"
_RECEIVER: Final = "ackstream"


def body(rule: Rule, key: Key, news: News, number: int, page: str) -> dict[str, Any]:
    """The message; `number`: how many of this group have arrived. `page`: address of the dashboards, for the reader."""
    rows = (*news.firing, *news.over)
    alerts = [_alert(rule, one, page) for one in rows[:_SHOWN]]
    name = {"alertname": rule.title}
    made = {
        "version": "4",
        "receiver": _RECEIVER,
        "status": "firing" if news.firing or news.still else "resolved",
        "groupKey": f"{rule.id}:{_words(key[1])}",
        "groupLabels": name | dict(key[1]),
        "commonLabels": name | {"rule": rule.id, "severity": rule.severity} | dict(key[1]),
        "commonAnnotations": {"description": rule.meaning, "action": rule.remediation},
        "externalURL": page,
        "truncatedAlerts": len(rows) - len(alerts),
        "alerts": alerts,
        "stillFiring": news.still,
        "repeat": news.repeat,
        "text": text(rule, news, page),
    }
    return {"id": _identity(key, news, number), **made}


def _alert(rule: Rule, one: Told, page: str) -> dict[str, Any]:
    labels = {"alertname": rule.title, "rule": rule.id, "severity": rule.severity, **dict(one.labels)}
    return {
        "status": "firing" if one.ended_at is None else "resolved",
        "labels": labels,
        "annotations": {"summary": one.summary, "description": rule.meaning, "action": rule.remediation},
        "startsAt": moment(one.started_at),
        "endsAt": _NEVER if one.ended_at is None else moment(one.ended_at),
        "generatorURL": page,
        "fingerprint": fingerprint(rule.id, one.labels),
        "value": one.value,
    }


def text(rule: Rule, news: News, page: str) -> str:
    """Lines for people: what, how bad, since when, what to do."""
    lines = []
    if news.firing:
        again = ", still" if news.repeat else ""
        lines.append(f"🔴 {rule.title} ({rule.severity}{again})")
        lines += _list(news.firing)
    if news.over:
        lines.append(f"✅ {rule.title}: over")
        lines += _list(news.over)
    if news.still:
        lines.append(f"{news.still} more of this still {'fires' if news.still == 1 else 'fire'}.")
    if news.firing:
        lines.append(f"What to do: {rule.remediation}")
    return "\n".join([*lines, page])


def _list(rows: Sequence[Told]) -> list[str]:
    lines = [f"• {one.summary} ({_when(one)})" for one in rows[:_LINES]]
    return [*lines, f"• and {len(rows) - _LINES} more"] if len(rows) > _LINES else lines


def _when(one: Told) -> str:
    began = datetime.fromtimestamp(one.started_at, UTC)
    if one.ended_at is None:
        return f"since {began:%Y-%m-%d %H:%M} UTC"
    return f"from {began:%Y-%m-%d %H:%M} to {datetime.fromtimestamp(one.ended_at, UTC):%Y-%m-%d %H:%M} UTC"


def trial(page: str) -> dict[str, Any]:
    """What `ackstream alerts --test` sends."""
    said = f"🔔 Ackstream: this is a test, alerts arrive here.\n{page}"
    return {
        "id": "test", "version": "4", "receiver": _RECEIVER, "status": "firing", "groupKey": "test", "groupLabels": {},
        "commonLabels": {"alertname": "Test"}, "commonAnnotations": {}, "externalURL": page, "truncatedAlerts": 0,
        "alerts": [], "stillFiring": 0, "repeat": False, "text": said,
    }  # fmt: skip


def only_text(made: Mapping[str, Any]) -> dict[str, Any]:
    """For receivers that refuse fields that they do not know."""
    return {"text": made["text"]}


def moment(seconds: float) -> str:
    """RFC 3339, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fingerprint(rule: str, labels: Labels) -> str:
    """The same for the same rule and labels for ever."""
    return sha256(repr((rule, labels)).encode()).hexdigest()[:16]


def _words(labels: Labels) -> str:
    return ",".join(f"{name}={value}" for name, value in labels)


def _identity(key: Key, news: News, number: int) -> str:
    """The same when a message is sent again because nobody knows whether it arrived, so that a receiver can tell."""
    told = [(one.labels, one.started_at, one.ended_at is None) for one in (*news.firing, *news.over)]
    return sha256(repr((key, sorted(told), number)).encode()).hexdigest()[:32]
