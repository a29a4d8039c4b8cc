"""What the receiver has been told, what it has to be told next, and when. Pure.

Nothing is queued: what to tell is the difference between the alerts that fire and those that the receiver knows of. So
a message that did not arrive, or whose sender was killed, is made anew from the state, with what has changed since; and
nobody hears twice of the same fire, or of a recovery before the fire, except when the fire was over before it could be
told: then both times are in one message. Only when a message has left and nobody knows whether it was heard may a fire
be told a second time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dashboards.alerts.evaluate import Alert, Labels, Resolved
from dashboards.alerts.rule import Rule

Key = tuple[str, Labels]  # rule, and the labels that it groups by
_MISSED: Final = 200  # recoveries kept for a receiver that is away, of one group; the newest ones
_FIRST_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 300.0


@dataclass(slots=True, frozen=True)
class Told:
    """An alert as a message tells it. `ended_at` None: it fires."""

    labels: Labels
    summary: str
    value: float
    started_at: float
    ended_at: float | None = None


@dataclass(slots=True, frozen=True)
class Group:
    """`known`: told as firing and not yet as over; `missed`: over before it was told; `doubt`: of `known`, those whose
    end has left and may have been heard.

    `waiting_since`: since when there is something to tell; `retry_at`: not before then, the receiver failed.
    """

    known: Mapping[Labels, Told] = field(default_factory=dict)
    missed: tuple[Told, ...] = ()
    doubt: frozenset[Labels] = frozenset()
    waiting_since: float | None = None
    sent_at: float | None = None
    tries: int = 0
    retry_at: float = 0.0
    number: int = 0  # of the last message that arrived


@dataclass(slots=True, frozen=True)
class News:
    """What one message tells: what fires newly, what is over, how much else still fires. `repeat`: nothing is new."""

    firing: tuple[Told, ...]
    over: tuple[Told, ...]
    still: int
    repeat: bool = False


@dataclass(slots=True, frozen=True)
class Pace:
    """Seconds: how long to wait for more of a group, and after how long to say again that it still fires (0 never)."""

    group: float
    repeat: float


def key_of(rule: Rule, labels: Labels) -> Key:
    """The group of a row."""
    return rule.id, tuple((name, value) for name, value in labels if name in rule.group)


def told(alert: Alert, ended_at: float | None = None) -> Told:
    """The alert as a message tells it."""
    began = alert.started_at if alert.fired_at is None else alert.fired_at
    return Told(alert.labels, alert.summary, alert.value, began, ended_at)


def update(group: Group, firing: Mapping[Labels, Alert], over: Iterable[Resolved], now: float) -> Group:
    """The group after a look: `firing` is all of it that fires, `over` what was resolved just now."""
    unheard = tuple(told(end.alert, end.at) for end in over if end.alert.labels not in group.known)
    # An alert that came back is no recovery that was missed.
    missed = _latest(one for one in (*group.missed, *unheard) if one.labels not in firing)
    ends = {end.alert.labels: end.at for end in over}
    # Whose end may have been heard and who fires again is told anew.
    known = {
        labels: _refreshed(one, firing.get(labels), ends.get(labels), now)
        for labels, one in group.known.items()
        if labels not in group.doubt or labels not in firing
    }
    ended = any(one.ended_at is not None for one in known.values())
    waits = bool(missed) or ended or any(labels not in known for labels in firing)
    since = (now if group.waiting_since is None else group.waiting_since) if waits else None
    return replace(group, known=known, missed=missed, doubt=group.doubt & known.keys(), waiting_since=since)


def _latest(over: Iterable[Told]) -> tuple[Told, ...]:
    """Of each alert its last end."""
    return tuple({one.labels: one for one in over}.values())[-_MISSED:]


def _refreshed(one: Told, alert: Alert | None, ended_at: float | None, now: float) -> Told:
    """What is known of an alert, brought up to date; one that fires no longer gets its end."""
    if alert is not None:
        return replace(one, summary=alert.summary, value=alert.value, ended_at=None)
    if one.ended_at is not None:
        return one
    return replace(one, ended_at=now if ended_at is None else ended_at)


def news(group: Group, firing: Mapping[Labels, Alert], now: float, pace: Pace) -> News | None:
    """What has to be told now; None while there is nothing, or it is too early."""
    if now < group.retry_at <= now + _LONGEST_RETRY:
        return None
    if group.waiting_since is not None:
        if any(_within(since, now, pace.group) for since in (group.waiting_since, group.sent_at) if since is not None):
            return None
        fresh = tuple(told(alert) for labels, alert in firing.items() if labels not in group.known)
        over = tuple(one for one in group.known.values() if one.ended_at is not None)
        return News(fresh, (*over, *group.missed), len(firing) - len(fresh))
    if firing and pace.repeat and group.sent_at is not None and now >= group.sent_at + pace.repeat:
        return News(tuple(told(alert) for alert in firing.values()), (), 0, repeat=True)
    return None


def _within(since: float, now: float, seconds: float) -> bool:
    """Whether less than `seconds` have passed; a moment of the future, of a clock that was set back, is long ago."""
    return 0 <= now - since < seconds


def leaves(group: Group, message: News) -> Group:
    """The group when a message is about to be sent; to be saved before it is."""
    return replace(group, doubt=group.doubt | ({one.labels for one in message.over} & group.known.keys()))


def arrived(group: Group, message: News, now: float) -> Group:
    """The group after the receiver has taken the message."""
    known = dict(group.known)
    for one in message.over:
        known.pop(one.labels, None)
    known |= {one.labels: one for one in message.firing}
    # What ended while its message was under way is no longer unheard of: its end alone is still to be told.
    ended = {one.labels: one for one in group.missed if one not in message.over}
    known |= {labels: one for labels, one in ended.items() if labels in known}
    return replace(
        group,
        known=known,
        missed=tuple(one for labels, one in ended.items() if labels not in known),
        doubt=group.doubt - {one.labels for one in message.over},
        waiting_since=None,
        sent_at=now,
        tries=0,
        retry_at=0.0,
        number=group.number + 1,
    )


def failed(group: Group, now: float) -> Group:
    """The group after the receiver has not taken a message: the pause grows up to five minutes."""
    pause = min(_FIRST_RETRY * 2**group.tries, _LONGEST_RETRY)
    return replace(group, tries=min(group.tries + 1, 20), retry_at=now + pause)


def idle(group: Group) -> bool:
    """Whether nothing is left to tell or to remember."""
    return not group.known and not group.missed and group.waiting_since is None
