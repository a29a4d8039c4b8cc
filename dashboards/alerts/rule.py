"""What an alert rule is. Pure.

Its SQL gives one row for each thing that is watched (a source, a sender, a stage), the healthy ones too, with the
columns `labels` (words), `value` (a number, the higher the worse) and whatever the summary tells. The only parameter
is the moment of the evaluation.
"""

from dataclasses import dataclass
from typing import Final, Literal

PARAMETERS: Final = {"now": "DateTime64(3, 'UTC')"}
NOW: Final = f"{{now:{PARAMETERS['now']}}}"

Severity = Literal["warning", "critical"]


@dataclass(slots=True, frozen=True, kw_only=True)
class Rule:
    """A row is bad while its value is above `above`; once that has fired, until its value is not above `clear`.

    `id`: [a-z0-9-]+, stable: state files and Grafana's uids are made of it. `for_seconds`: how long a row has to be bad
    before it fires; `keep_seconds`: how long it has to be good before it is called resolved. Rows with the same values
    of `group`, some of `labels`, are told in one message. `summary`: text for str.format over the row's columns;
    one whose name ends in _seconds is shown as a span of time. `dashboard`: where to look. An empty `sql` means that
    the evaluator itself knows the rows.
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
