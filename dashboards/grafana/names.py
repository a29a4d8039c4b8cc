"""Names and uids of Ackstream in Grafana. Links, rules and bookmarks refer to them, so they never change."""

from typing import Final

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.0.0"  # the oldest version that supports the query format
SOURCE_UID: Final = "ackstream-clickhouse"
SOURCE_NAME: Final = "Ackstream"
SOURCE_VARIABLE: Final = "datasource"  # the variable that selects the data source of all panels
FOLDER: Final = "Ackstream"
FOLDER_UID: Final = "ackstream"
TAG: Final = "ackstream"


def dashboard_uid(identifier: str) -> str:
    """The uid of a dashboard; Grafana allows 8 to 40 characters."""
    return f"ackstream-{identifier}"


def rule_uid(identifier: str) -> str:
    """The uid of an alert rule; Grafana allows 40 characters."""
    return f"ackstream-{identifier}"
