"""Rules, rows and alerts for tests, from the few facts that a test names. Pure."""

from typing import Any

from dashboards.alerts.evaluate import Labels, Row
from dashboards.alerts.rule import NOW, Rule


def rule(**facts: Any) -> Rule:
    """A rule that is looked at every 10 s; bad above 1, good again at 0.5."""
    given: dict[str, Any] = {
        "id": "test-rule", "title": "Test rule", "meaning": "It means something.", "remediation": "Do something.",
        "sql": "SELECT 1", "labels": ("source",), "summary": "{source} is at {value:.1f}", "above": 1.0, "clear": 0.5,
        "for_seconds": 20.0, "keep_seconds": 30.0, "every_seconds": 10.0, "severity": "warning",
        "dashboard": "pipeline", "group": (),
    }  # fmt: skip
    return Rule(**given | facts)


def labels(source: str = "shop") -> Labels:
    return (("source", source),)


def row(value: float | None, source: str = "shop") -> Row:
    return Row(labels(source), value, f"{source} is at {value}")


# Rows of a table that a test writes; they fire and end at once.
WATCHED = rule(
    sql=f"SELECT source, argMax(w.value, at) AS value FROM watched AS w WHERE at <= {NOW} GROUP BY source",  # noqa: S608
    for_seconds=0.0,
    keep_seconds=0.0,
    every_seconds=1.0,
)
