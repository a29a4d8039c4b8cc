"""The built-in rules, which need no query: ClickHouse is unreachable, or a rule cannot be evaluated."""

from dataclasses import replace
from typing import Final

from dashboards.alerts.rule import Rule

CLICKHOUSE_UNREACHABLE: Final = Rule(
    id="clickhouse-unreachable",
    title="ClickHouse does not answer",
    meaning="Dashboards show no new numbers, no other rule can be evaluated, and no data is loaded into ClickHouse. "
    "Webhooks are still stored in Kafka.",
    remediation="Start ClickHouse (`make up`, or your own server) and check its log and its disk. The backlog in "
    "Kafka is loaded automatically afterwards.",
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
RULE_NOT_EVALUATED: Final = Rule(
    id="rule-not-evaluated",
    title="An alert rule cannot be evaluated",
    meaning="ClickHouse answers, but it rejects the query of this rule or does not finish it in time, so the rule "
    "cannot fire.",
    remediation="Run `ackstream migrate` when tables are missing; otherwise give ClickHouse more memory, or switch "
    "the rule off (alerts.disabled_rules).",
    sql="",
    labels=("failed_rule",),
    summary="{failed_rule} has not been evaluated for {failed_seconds}: {error}.",
    above=600,
    clear=0,
    for_seconds=0,
    keep_seconds=0,
    every_seconds=0,
    severity="warning",
    dashboard="pipeline",
)
BUILTIN_RULES: Final = (CLICKHOUSE_UNREACHABLE, RULE_NOT_EVALUATED)


def removed_rule(identifier: str) -> Rule:
    """A stand-in for a rule that fired and was then switched off or removed: its last notification needs texts."""
    return replace(
        RULE_NOT_EVALUATED,
        id=identifier,
        title=identifier,
        meaning="This rule is no longer active.",
        remediation="No action is needed.",
    )
