"""Alert rules in Grafana's format. Needs Grafana's SDK.

Grafana makes one alert from each row of a table with text columns and exactly one number: so the query selects the
labels and the value, and nothing else.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from grafana_foundation_sdk.builders import alerting, expr
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting as models
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from dashboards.alerts.builtin_rules import CLICKHOUSE_UNREACHABLE
from dashboards.alerts.rule import PARAMETERS, Rule
from dashboards.grafana.macros import rule_sql
from dashboards.grafana.names import FOLDER_UID, PLUGIN, RULE_FOLDER, SOURCE_UID, dashboard_uid, rule_uid
from dashboards.grafana.panels import Query

_STEP: Final = 10  # seconds; Grafana's intervals are multiples of it
_RANGE_SECONDS: Final = 600  # rules contain their own range, but Grafana requires one
_EXPRESSION: Final = DataSourceRef(type_val="__expr__", uid="__expr__")
# Any query shows it: in Grafana a failed query of this rule is the alert.
_UNAVAILABLE: Final = replace(CLICKHOUSE_UNREACHABLE, sql="SELECT toFloat64(0) AS value", every_seconds=30.0)


def groups(rules: Iterable[Rule]) -> dict[str, Any]:
    """The content of a provisioning file: one group of rules for each evaluation interval."""
    by_interval: dict[str, list[dict[str, Any]]] = {}
    for rule in (*rules, _UNAVAILABLE):
        by_interval.setdefault(_span(rule.every_seconds), []).append(_in_file(build_rule(rule)))
    return {
        "apiVersion": 1,
        "groups": [
            {"orgId": 1, "name": f"ackstream-{interval}", "folder": RULE_FOLDER, "interval": interval, "rules": found}
            for interval, found in sorted(by_interval.items())
        ],
    }


def build_rule(rule: Rule) -> models.Rule:
    """The rule in the types of the SDK."""
    return (
        alerting.Rule(rule.title)
        .uid(rule_uid(rule.id))
        .folder_uid(FOLDER_UID)
        .org_id(1)
        .rule_group(f"ackstream-{_span(rule.every_seconds)}")
        .for_val(f"{rule.for_seconds:.0f}s")
        .condition("C")
        .queries([_query(rule), _threshold(rule)])
        .no_data_state("Alerting" if rule.id == _UNAVAILABLE.id else "OK")
        .exec_err_state("Alerting" if rule.id == _UNAVAILABLE.id else "Error")
        .labels({"rule": rule.id, "severity": rule.severity})
        .annotations(
            {
                "summary": _summary(rule),
                "description": rule.meaning,
                "action": rule.remediation,
                "dashboard": f"/d/{dashboard_uid(rule.dashboard)}",
            }
        )
        .build()
    )


def _in_file(rule: models.Rule) -> dict[str, Any]:
    """The rule in a file, where folder and group are stated once for all rules of a group."""
    made: dict[str, Any] = json.loads(json.dumps(rule, cls=JSONEncoder))
    for name in ("folderUID", "orgID", "ruleGroup"):
        del made[name]
    if made["execErrState"] == "Error":
        # One alert reports that ClickHouse is unavailable, all others keep their state. The SDK lacks this value.
        made["execErrState"] = "KeepLast"
    return made


def _query(rule: Rule) -> Builder[models.Query]:
    columns = ", ".join((*rule.labels, "value"))
    sql = f"SELECT {columns}\nFROM\n(\n{rule.sql}\n)"
    source = DataSourceRef(type_val=PLUGIN, uid=SOURCE_UID)
    return (
        alerting.Query("A")
        .datasource_uid(SOURCE_UID)
        .relative_time_range(models.RelativeTimeRange(_RANGE_SECONDS, 0))
        .model(Query(rule_sql(sql, PARAMETERS), source, series=False))
    )


def _threshold(rule: Rule) -> Builder[models.Query]:
    condition = expr.ExprTypeThresholdConditions().evaluator(
        expr.ExprTypeThresholdConditionsEvaluator().type("gt").params([rule.above])
    )
    if rule.clear < rule.above:
        condition = condition.unload_evaluator(
            expr.ExprTypeThresholdConditionsUnloadEvaluator().type("lt").params([rule.clear])
        )
    model = expr.TypeThreshold().ref_id("C").datasource(_EXPRESSION).expression("A").conditions([condition])
    return (
        alerting.Query("C")
        .datasource_uid("__expr__")
        .relative_time_range(models.RelativeTimeRange(_RANGE_SECONDS, 0))
        .model(model)
    )


def _summary(rule: Rule) -> str:
    words = ", ".join(f"{label} {{{{ $labels.{label} }}}}" for label in rule.labels)
    return f"{rule.title}: {words}" if words else rule.title


def _span(seconds: float) -> str:
    return f"{math.ceil(seconds / _STEP) * _STEP}s"
