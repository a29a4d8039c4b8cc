"""Names that Grafana knows us by. Pure. Links, rules and users' notes point at them: they never change."""

from typing import Final

PLUGIN: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.0.0"  # of the query's form: the oldest that knows it
SOURCE_UID: Final = "ackstream-clickhouse"
SOURCE_NAME: Final = "Ackstream"
SOURCE_VARIABLE: Final = "datasource"  # every panel asks the data source that this variable names
FOLDER: Final = "Ackstream"
FOLDER_UID: Final = "ackstream"
TAG: Final = "ackstream"


def dashboard_uid(identifier: str) -> str:
    """Grafana takes 8 to 40 characters."""
    return f"ackstream-{identifier}"


def rule_uid(identifier: str) -> str:
    """At most 40 characters."""
    return f"ackstream-{identifier}"
