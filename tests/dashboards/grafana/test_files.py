"""The files that ship: made from the panels and rules as they are, and sound for Grafana."""

import json
import re
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import alerting
from grafana_foundation_sdk.models import dashboard as models

from dashboards.alerts.builtin_rules import CLICKHOUSE_UNREACHABLE
from dashboards.alerts.rules import RULES
from dashboards.catalogue import DASHBOARDS
from dashboards.grafana import build
from dashboards.grafana.names import PLUGIN, SOURCE_UID
from dashboards.grafana.panels import panel_id

OUR_SOURCE = {"type": PLUGIN, "uid": "${datasource}"}


def every(value: Any, key: str) -> list[Any]:
    """What stands under `key`, anywhere below `value`."""
    found = [value[key]] if isinstance(value, dict) and key in value else []
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found + [each for item in below for each in every(item, key)]


def test_the_files_are_those_that_the_panels_and_rules_make() -> None:
    files = {path.relative_to(build.FILES).as_posix() for path in build.FILES.rglob("*") if path.is_file()}
    wanted = build.build_files()
    assert files == set(wanted)
    for name, content in wanted.items():
        assert (build.FILES / name).read_text(encoding="utf-8") == content, f"{name}: run `make grafana`"


def test_every_panel_of_every_dashboard_is_there(boards: dict[str, Any]) -> None:
    assert {name.removesuffix(".json") for name in boards} == {dashboard.id for dashboard in DASHBOARDS}
    for dashboard in DASHBOARDS:
        found = {panel["id"]: panel for panel in boards[f"{dashboard.id}.json"]["panels"]}
        assert set(found) == {panel_id(panel) for panel in dashboard.panels}
        for panel in dashboard.panels:
            shown = found[panel_id(panel)]
            assert shown["title"] == panel.title
            assert panel.meaning in shown["description"]
            assert panel.remediation in shown["description"]
            assert {column.name for column in panel.columns} & set(re.findall(r"\w+", shown["targets"][0]["rawSql"]))


def test_a_dashboard_survives_the_types_of_the_sdk(boards: dict[str, Any]) -> None:
    register_default_plugins()
    for board in boards.values():
        read = models.Dashboard.from_json(json.loads(json.dumps(board)))
        assert json.loads(json.dumps(read, cls=JSONEncoder)) == board


def test_an_alert_rule_survives_the_types_of_the_sdk(rules: dict[str, Any]) -> None:
    for group in rules["groups"]:
        for rule in group["rules"]:
            whole = {**rule, "folderUID": "ackstream", "orgID": group["orgId"], "ruleGroup": group["name"]}
            read = alerting.Rule.from_json(json.loads(json.dumps(whole)))
            assert json.loads(json.dumps(read, cls=JSONEncoder)) == whole


def test_uids_are_unique_and_of_a_length_that_grafana_takes(boards: dict[str, Any], rules: dict[str, Any]) -> None:
    uids = [board["uid"] for board in boards.values()]
    uids += [rule["uid"] for group in rules["groups"] for rule in group["rules"]]
    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"[a-z0-9-]{8,40}", uid) for uid in uids)
    numbers = [panel["id"] for board in boards.values() for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_dashboards_name_their_data_source_by_variable_alone(boards: dict[str, Any]) -> None:
    for board in boards.values():
        first = board["templating"]["list"][0]
        assert (first["type"], first["name"], first["query"]) == ("datasource", "datasource", PLUGIN)
        named = every(board["panels"], "datasource") + every(board["templating"]["list"][1:], "datasource")
        assert len(named) >= 2 * len(board["panels"])
        assert all(each == OUR_SOURCE for each in named)


def test_panels_do_not_overlap_and_fill_no_more_than_the_width(boards: dict[str, Any]) -> None:
    for board in boards.values():
        cells: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            assert place["x"] + place["w"] <= 24
            assert not taken & cells, panel["title"]
            cells |= taken


def test_a_column_that_is_not_drawn_is_shown_all_the_same(boards: dict[str, Any]) -> None:
    """Numerators, denominators and marks are never lost: each has a name, and none is hidden from the tooltip."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            if panel.kind == "heatmap":
                continue
            (shown,) = (each for each in boards[f"{dashboard.id}.json"]["panels"] if each["id"] == panel_id(panel))
            overrides = {each["matcher"]["options"]: each["properties"] for each in shown["fieldConfig"]["overrides"]}
            for column in panel.columns:
                if column.role in ("numerator", "denominator", "before", "mark"):
                    properties = {each["id"]: each["value"] for each in overrides[column.name]}
                    assert column.title in properties["displayName"]
                    assert not properties.get("custom.hideFrom", {}).get("tooltip", False)


def test_red_is_where_the_panel_says(boards: dict[str, Any]) -> None:
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            (shown,) = (each for each in boards[f"{dashboard.id}.json"]["panels"] if each["id"] == panel_id(panel))
            found = [each for each in every(shown["fieldConfig"]["overrides"], "value") if "steps" in str(each)]
            assert len(found) == (panel.threshold is not None), panel.id
            for steps in (each["steps"] for each in found):
                red = [step["value"] for step in steps if step["color"] == "red"]
                assert red == [None] if panel.threshold and panel.threshold.side == "below" else red[0] >= 0


def test_every_rule_is_in_the_file_with_its_words_and_numbers(rules: dict[str, Any]) -> None:
    found = {rule["labels"]["rule"]: (group, rule) for group in rules["groups"] for rule in group["rules"]}
    assert set(found) == {rule.id for rule in RULES} | {CLICKHOUSE_UNREACHABLE.id}
    for rule in RULES:
        group, shown = found[rule.id]
        assert int(group["interval"].removesuffix("s")) >= rule.every_seconds
        assert int(group["interval"].removesuffix("s")) % 10 == 0
        assert shown["for"] == f"{rule.for_seconds:.0f}s"
        assert (shown["annotations"]["description"], shown["annotations"]["action"]) == (rule.meaning, rule.remediation)
        query, threshold = shown["data"]
        assert query["datasourceUid"] == query["model"]["datasource"]["uid"] == SOURCE_UID
        (condition,) = threshold["model"]["conditions"]
        assert condition["evaluator"] == {"type": "gt", "params": [rule.above]}
        # Where recovery is the same limit there is no second one: equal to it would be neither bad nor over.
        assert ("unloadEvaluator" in condition) == (rule.clear < rule.above)


def test_an_unreachable_clickhouse_is_one_alert_and_not_one_of_each_rule(rules: dict[str, Any]) -> None:
    states = {rule["labels"]["rule"]: rule["execErrState"] for group in rules["groups"] for rule in group["rules"]}
    assert states.pop(CLICKHOUSE_UNREACHABLE.id) == "Alerting"
    assert set(states.values()) == {"KeepLast"}
