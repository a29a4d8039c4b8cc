"""The definition of an alert rule.

A rule's SQL returns one row for each watched item (a source, a sender, a stage), also for the healthy ones, with the
columns of `labels` (text), `value` (a number; higher is worse) and whatever the summary shows. Its only parameter is
the time of the evaluation.
"""

from dataclasses import dataclass
from typing import Final, Literal

PARAMETERS: Final = {"now": "DateTime64(3, 'UTC')"}
NOW: Final = f"{{now:{PARAMETERS['now']}}}"

Severity = Literal["warning", "critical"]


@dataclass(slots=True, frozen=True, kw_only=True)
class Rule:
    """A row violates the rule while its value is above `above`; a firing alert until its value is at most `clear`.

    `id`: [a-z0-9-]+, stable, because state files and Grafana's uids are made from it. `for_seconds`: how long a row has
    to be above the threshold before it fires; `keep_seconds`: how long it has to be back to normal before it is
    resolved. Rows with the same values of `group` (some of `labels`) share a notification. `summary`: text for
    str.format over the row's columns; a column whose name ends in _seconds is shown as a duration. `dashboard`: the
    dashboard to look at. The evaluator itself supplies the rows of a rule with an empty `sql`.
    """

    id: str
    title: str
    meaning: str
    remediation: str
    sql: str
    labels: tuple[str, ...]
    summary: str
    above: float
    clear: float
    for_seconds: float
    keep_seconds: float
    every_seconds: float
    severity: Severity
    dashboard: str
    group: tuple[str, ...] = ()
