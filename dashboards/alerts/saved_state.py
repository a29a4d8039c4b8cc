"""The state that survives restarts, and its JSON form.

Alerts and groups of rules that this version does not have are kept: the runner resolves them with a notification.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dashboards.alerts.notifications import Group, GroupKey, Notice
from dashboards.alerts.transitions import Alert, Labels
from schemas.parsing.json_text import dumps_indented

_VERSION: Final = 1


@dataclass(slots=True)
class Evaluation:
    """When a rule was last evaluated successfully; since when and why it fails, if it does."""

    succeeded_at: float | None = None
    error: str | None = None
    failing_since: float | None = None


@dataclass(slots=True)
class SavedState:
    """Evaluations and alerts by rule; what the receiver knows by rule and grouping labels."""

    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    alerts: dict[str, dict[Labels, Alert]] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)


def dump(state: SavedState) -> bytes:
    """The state as JSON."""
    groups = [
        {
            "rule": rule,
            "labels": labels,
            **asdict(group),
            "notified": [asdict(each) for each in group.notified.values()],
            "uncertain": sorted(group.uncertain),
        }
        for (rule, labels), group in state.groups.items()
    ]
    stored = {
        "version": _VERSION,
        "evaluations": {rule: asdict(evaluation) for rule, evaluation in state.evaluations.items()},
        "alerts": [asdict(alert) for alerts in state.alerts.values() for alert in alerts.values()],
        "groups": groups,
    }
    return dumps_indented(stored)


def parse(data: bytes) -> SavedState:
    """The state that `dump` wrote. Raises ValueError for anything else."""
    try:
        stored = json.loads(data)
        if stored["version"] != _VERSION:
            raise ValueError(f"version {stored['version']} is not supported")
        evaluations = {rule: Evaluation(**evaluation) for rule, evaluation in stored["evaluations"].items()}
        state = SavedState(evaluations=evaluations)
        for each in stored["alerts"]:
            alert = Alert(**{**each, "labels": _labels(each["labels"])})
            state.alerts.setdefault(alert.rule, {})[alert.labels] = alert
        for each in stored["groups"]:
            key = each.pop("rule"), _labels(each.pop("labels"))
            state.groups[key] = _group(each)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a state of alerts ({error})") from None
    return state


def _labels(pairs: Iterable[Any]) -> Labels:
    return tuple((str(name), str(value)) for name, value in pairs)


def _notice(each: dict[str, Any]) -> Notice:
    return Notice(**{**each, "labels": _labels(each["labels"])})


def _group(each: dict[str, Any]) -> Group:
    notified = [_notice(notice) for notice in each["notified"]]
    unsent = tuple(_notice(notice) for notice in each["unsent"])
    uncertain = frozenset(_labels(labels) for labels in each["uncertain"])
    by_labels = {notice.labels: notice for notice in notified}
    return Group(**{**each, "notified": by_labels, "unsent": unsent, "uncertain": uncertain})
