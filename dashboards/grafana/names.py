"""Names and uids of Ackstream in Grafana. Links, rules and bookmarks refer to them, so they never change."""

from typing import Final

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.0.3"  # the oldest version with the macros $__fromTime_ms and $__toTime_ms
GRAFANA_VERSION: Final = "11.6"  # the oldest version that this version of the plugin runs in
SOURCE_UID: Final = "ackstream-clickhouse"
SOURCE_NAME: Final = "Ackstream"
SOURCE_VARIABLE: Final = "datasource"  # the variable that selects the data source of all panels
FOLDER: Final = "Ackstream"
FOLDER_UID: Final = "ackstream"
# Grafana provisions rules before dashboards and makes their folder without a uid: with the title of the dashboards'
# folder there would be two folders of one name, or no dashboards.
RULE_FOLDER: Final = "Ackstream alerts"
TAG: Final = "ackstream"


def dashboard_uid(identifier: str) -> str:
    """The uid of a dashboard; Grafana allows 8 to 40 characters."""
    return f"ackstream-{identifier}"


def rule_uid(identifier: str) -> str:
    """The uid of an alert rule; Grafana allows 40 characters."""
    return f"ackstream-{identifier}"
