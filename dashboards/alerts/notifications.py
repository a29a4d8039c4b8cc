"""Which notification the receiver needs next, and when.

There is no queue: a notification is the difference between the alerts that fire and those that the receiver knows. So
a notification that was not delivered, or whose sender was killed, is built again from the state with all changes since.
The receiver gets each firing alert once, and its resolution afterwards. An alert that was resolved before its
notification could be sent is reported once, with both times. A firing alert is reported a second time only when a
notification was sent and its delivery is unknown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dashboards.alerts.rule import Rule
from dashboards.alerts.transitions import Alert, Labels, Resolved

GroupKey = tuple[str, Labels]  # the rule, and the labels that it groups by
_MAX_UNSENT: Final = 200  # resolved alerts of one group that are kept for an unreachable receiver; the newest ones
_FIRST_RETRY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 300.0


@dataclass(slots=True, frozen=True)
class Notice:
    """One alert in a notification. `ended_at` is None while it fires."""

    labels: Labels
    summary: str
    value: float
    started_at: float
    ended_at: float | None = None


@dataclass(slots=True, frozen=True)
class Group:
    """What the receiver knows of one group of alerts.

    `notified`: reported as firing, not yet as resolved. `unsent`: resolved before they were reported. `uncertain`:
    those of `notified` whose resolution was sent without a confirmed delivery. `pending_since`: since when there is
    something to report. `retry_at`: no attempt before this time, because the last one failed. `delivered`: number of
    notifications that were delivered.
    """

    notified: Mapping[Labels, Notice] = field(default_factory=dict)
    unsent: tuple[Notice, ...] = ()
    uncertain: frozenset[Labels] = frozenset()
    pending_since: float | None = None
    sent_at: float | None = None
    failures: int = 0
    retry_at: float = 0.0
    delivered: int = 0


@dataclass(slots=True, frozen=True)
class Notification:
    """Newly firing alerts, resolved alerts, and how many others still fire. `repeat`: a reminder without changes."""

    firing: tuple[Notice, ...]
    resolved: tuple[Notice, ...]
    still_firing: int
    repeat: bool = False


@dataclass(slots=True, frozen=True)
class Intervals:
    """Seconds: `group` to wait for more alerts of a group, `repeat` between reminders (0: no reminders)."""

    group: float
    repeat: float


def group_key(rule: Rule, labels: Labels) -> GroupKey:
    """The group of a row."""
    return rule.id, tuple((name, value) for name, value in labels if name in rule.group)


def notice(alert: Alert, ended_at: float | None = None) -> Notice:
    """The alert as a notification reports it."""
    began = alert.started_at if alert.fired_at is None else alert.fired_at
    return Notice(alert.labels, alert.summary, alert.value, began, ended_at)


def update(group: Group, firing: Mapping[Labels, Alert], resolved: Iterable[Resolved], now: float) -> Group:
    """The group after an evaluation: `firing` are all its firing alerts, `resolved` those that were just resolved."""
    resolved = tuple(resolved)
    unreported = tuple(notice(end.alert, end.at) for end in resolved if end.alert.labels not in group.notified)
    # An alert that fires again is no missed resolution.
    unsent = _latest(each for each in (*group.unsent, *unreported) if each.labels not in firing)
    ends = {end.alert.labels: end.at for end in resolved}
    # An alert whose resolution may have been delivered and that fires again is reported anew.
    notified = {
        labels: _refreshed(each, firing.get(labels), ends.get(labels), now)
        for labels, each in group.notified.items()
        if labels not in group.uncertain or labels not in firing
    }
    ended = any(each.ended_at is not None for each in notified.values())
    pending = bool(unsent) or ended or any(labels not in notified for labels in firing)
    since = (now if group.pending_since is None else group.pending_since) if pending else None
    uncertain = group.uncertain & notified.keys()
    return replace(group, notified=notified, unsent=unsent, uncertain=uncertain, pending_since=since)


def _latest(resolved: Iterable[Notice]) -> tuple[Notice, ...]:
    """The last resolution of each alert."""
    return tuple({each.labels: each for each in resolved}.values())[-_MAX_UNSENT:]


def _refreshed(known: Notice, alert: Alert | None, ended_at: float | None, now: float) -> Notice:
    """The notice with the alert's present value; with its end when the alert no longer fires."""
    if alert is not None:
        return replace(known, summary=alert.summary, value=alert.value, ended_at=None)
    if known.ended_at is not None:
        return known
    return replace(known, ended_at=now if ended_at is None else ended_at)


def due_notification(
    group: Group, firing: Mapping[Labels, Alert], now: float, intervals: Intervals
) -> Notification | None:
    """The notification to send now; None when there is nothing to report or an interval has not passed."""
    if now < group.retry_at <= now + _LONGEST_RETRY_SECONDS:
        return None
    if group.pending_since is not None:
        starts = (since for since in (group.pending_since, group.sent_at) if since is not None)
        if any(_within(since, now, intervals.group) for since in starts):
            return None
        fresh = tuple(notice(alert) for labels, alert in firing.items() if labels not in group.notified)
        resolved = tuple(each for each in group.notified.values() if each.ended_at is not None)
        return Notification(fresh, (*resolved, *group.unsent), len(firing) - len(fresh))
    if firing and intervals.repeat and group.sent_at is not None and now >= group.sent_at + intervals.repeat:
        return Notification(tuple(notice(alert) for alert in firing.values()), (), 0, repeat=True)
    return None


def _within(since: float, now: float, seconds: float) -> bool:
    """Whether less than `seconds` have passed; a time in the future (the clock was set back) counts as long ago."""
    return 0 <= now - since < seconds


def sending(group: Group, sent: Notification) -> Group:
    """The group while the notification is being sent; to be saved before sending."""
    return replace(group, uncertain=group.uncertain | ({each.labels for each in sent.resolved} & group.notified.keys()))


def delivered(group: Group, sent: Notification, now: float) -> Group:
    """The group after the receiver accepted the notification."""
    notified = dict(group.notified)
    for each in sent.resolved:
        notified.pop(each.labels, None)
    notified |= {each.labels: each for each in sent.firing}
    # The receiver now knows an alert that was resolved during the delivery: only its end is still to be reported.
    ended = {each.labels: each for each in group.unsent if each not in sent.resolved}
    notified |= {labels: each for labels, each in ended.items() if labels in notified}
    return replace(
        group,
        notified=notified,
        unsent=tuple(each for labels, each in ended.items() if labels not in notified),
        uncertain=group.uncertain - {each.labels for each in sent.resolved},
        pending_since=None,
        sent_at=now,
        failures=0,
        retry_at=0.0,
        delivered=group.delivered + 1,
    )


def failed(group: Group, now: float) -> Group:
    """The group after a failed delivery: the pause before the next attempt doubles, up to five minutes."""
    pause = min(_FIRST_RETRY_SECONDS * 2**group.failures, _LONGEST_RETRY_SECONDS)
    return replace(group, failures=min(group.failures + 1, 20), retry_at=now + pause)


def idle(group: Group) -> bool:
    """Whether the group has nothing to report and nothing to keep."""
    return not group.notified and not group.unsent and group.pending_since is None
