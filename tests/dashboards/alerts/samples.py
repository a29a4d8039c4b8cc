"""Rules and rows for tests, made from the few facts that a test names."""

from typing import Any

from dashboards.alerts.rule import NOW, Rule
from dashboards.alerts.transitions import Labels, Row


def rule(**facts: Any) -> Rule:
    """A rule that is evaluated every 10 s, with the threshold 1 and back to normal at 0.5."""
    given: dict[str, Any] = {
        "id": "test-rule", "title": "Test rule", "meaning": "It means something.", "remediation": "Do something.",
        "sql": "SELECT 1", "labels": ("source",), "summary": "{source} is at {value:.1f}", "above": 1.0, "clear": 0.5,
        "for_seconds": 20.0, "keep_seconds": 30.0, "every_seconds": 10.0, "severity": "warning",
        "dashboard": "pipeline", "group": (),
    }  # fmt: skip
    return Rule(**given | facts)


def labels(source: str = "shop") -> Labels:
    """The labels of a source."""
    return (("source", source),)


def row(value: float | None, source: str = "shop") -> Row:
    """The row of a source."""
    return Row(labels(source), value, f"{source} is at {value}")


# A rule over a table that the test fills. It fires and resolves at once.
WATCHED = rule(
    sql=f"SELECT source, argMax(w.value, at) AS value FROM watched AS w WHERE at <= {NOW} GROUP BY source",  # noqa: S608
    for_seconds=0.0,
    keep_seconds=0.0,
    every_seconds=1.0,
)
