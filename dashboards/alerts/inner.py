"""The two rules that no table can answer: ClickHouse is away, and a rule cannot be judged. Pure."""

from dataclasses import replace
from typing import Final

from dashboards.alerts.rule import Rule

CLICKHOUSE_AWAY: Final = Rule(
    id="clickhouse-away",
    title="ClickHouse does not answer",
    meaning="Dashboards and all other rules are blind, and nothing is loaded; webhooks are still stored in Kafka.",
    remediation="Start it (`make up`, or your own server) and look at its log and at the disk; what waits is loaded "
    "by itself.",
    sql="",
    labels=(),
    summary="ClickHouse does not answer the dashboards' user.",
    above=0,
    clear=0,
    for_seconds=60,
    keep_seconds=60,
    every_seconds=0,
    severity="critical",
    dashboard="pipeline",
)
RULE_BROKEN: Final = Rule(
    id="rule-broken",
    title="An alert rule cannot be judged",
    meaning="ClickHouse answers, but refuses or does not finish the question of this rule, so the rule is blind.",
    remediation="Run `ackstream migrate` when tables are missing; otherwise give ClickHouse more memory, or switch "
    "the rule off (alerts.disabled_rules).",
    sql="",
    labels=("blind",),
    summary="{blind} has not been judged for {blind_seconds}: {why}.",
    above=600,
    clear=0,
    for_seconds=0,
    keep_seconds=0,
    every_seconds=0,
    severity="warning",
    dashboard="pipeline",
)
INNER: Final = (CLICKHOUSE_AWAY, RULE_BROKEN)


def gone(identifier: str) -> Rule:
    """In place of a rule that fired and is not watched any more: its last message needs words."""
    return replace(
        RULE_BROKEN,
        id=identifier,
        title=identifier,
        meaning="This rule is not watched any more.",
        remediation="Nothing.",
    )
