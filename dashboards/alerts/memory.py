"""What the evaluator remembers from one look to the next and over restarts. Pure: JSON in, JSON out.

Unknown alerts or groups, of rules that this version does not have, are kept: the runner ends them with a message.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dashboards.alerts.evaluate import Alert, Labels
from dashboards.alerts.groups import Group, Key, Told

_VERSION: Final = 1


@dataclass(slots=True)
class Look:
    """Of one rule: when it was last judged, and since when and why it cannot be."""

    seen_at: float | None = None
    error: str | None = None
    error_since: float | None = None


@dataclass(slots=True)
class Memory:
    """By rule: looks and alerts. By rule and grouping labels: what the receiver knows."""

    looks: dict[str, Look] = field(default_factory=dict)
    alerts: dict[str, dict[Labels, Alert]] = field(default_factory=dict)
    groups: dict[Key, Group] = field(default_factory=dict)


def dump(memory: Memory) -> bytes:
    """As it is stored."""
    groups = [
        {
            "rule": rule,
            "labels": labels,
            **asdict(group),
            "known": [asdict(one) for one in group.known.values()],
            "doubt": sorted(group.doubt),
        }
        for (rule, labels), group in memory.groups.items()
    ]
    stored = {
        "version": _VERSION,
        "looks": {rule: asdict(look) for rule, look in memory.looks.items()},
        "alerts": [asdict(alert) for alerts in memory.alerts.values() for alert in alerts.values()],
        "groups": groups,
    }
    return json.dumps(stored, ensure_ascii=False, indent=1).encode()


def parse(data: bytes) -> Memory:
    """What `dump` made. ValueError for anything else."""
    try:
        stored = json.loads(data)
        if stored["version"] != _VERSION:
            raise ValueError(f"version {stored['version']} is not known")
        memory = Memory(looks={rule: Look(**look) for rule, look in stored["looks"].items()})
        for each in stored["alerts"]:
            alert = Alert(**{**each, "labels": _labels(each["labels"])})
            memory.alerts.setdefault(alert.rule, {})[alert.labels] = alert
        for each in stored["groups"]:
            key = each.pop("rule"), _labels(each.pop("labels"))
            memory.groups[key] = _group(each)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a state of alerts ({error})") from None
    return memory


def _labels(pairs: Iterable[Any]) -> Labels:
    return tuple((str(name), str(value)) for name, value in pairs)


def _told(each: dict[str, Any]) -> Told:
    return Told(**{**each, "labels": _labels(each["labels"])})


def _group(each: dict[str, Any]) -> Group:
    known = [_told(one) for one in each["known"]]
    missed = tuple(_told(one) for one in each["missed"])
    doubt = frozenset(_labels(labels) for labels in each["doubt"])
    return Group(**{**each, "known": {one.labels: one for one in known}, "missed": missed, "doubt": doubt})
