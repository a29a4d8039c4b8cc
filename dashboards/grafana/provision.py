"""The files that Grafana reads at its start, fitted to a user's settings. Pure but for reading what ships.

Below one folder: `provisioning/` (data source, where the dashboards are, alert rules, contact point), which Grafana is
pointed at by GF_PATHS_PROVISIONING, and `dashboards/`. Secrets are named, never written: Grafana reads the environment
variable or the file itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from urllib.parse import urlsplit

from dashboards.grafana.names import FOLDER, FOLDER_UID, PLUGIN, SOURCE_NAME, SOURCE_UID
from schemas.settings.base import Secret
from schemas.settings.config import Config

DASHBOARDS: Final = "dashboards"
RULES: Final = "provisioning/alerting/ackstream-rules.json"
_CONTACT: Final = "provisioning/alerting/ackstream-contact.yaml"
_SOURCE: Final = "provisioning/datasources/ackstream.yaml"
_PROVIDER: Final = "provisioning/dashboards/ackstream.yaml"
_RECEIVER: Final = "Ackstream"
_HTTP_PORTS: Final = {"http": 8123, "https": 8443}


@dataclass(slots=True, frozen=True)
class Target:
    """What differs between installations. `password` and `webhook` are Grafana's expressions for secrets."""

    url: str = "http://127.0.0.1:8123"
    database: str = "ackstream"
    user: str = "dashboards"
    password: str = "$__env{ACKSTREAM_READER_PASSWORD}"  # noqa: S105  (the name of a variable)
    webhook: str | None = None
    dashboards: str = "/etc/grafana/ackstream/dashboards"  # where Grafana finds them
    masked: bool = True


def target(config: Config, *, dashboards: str, url: str = "") -> Target:
    """The settings as Grafana needs them; `url`: of ClickHouse as Grafana reaches it, when it is another machine."""
    clickhouse = config.clickhouse
    return Target(
        url=url or clickhouse.url,
        database=clickhouse.database,
        user=clickhouse.reader_user,
        password=_secret(clickhouse.reader_password) if clickhouse.reader_password else "",
        webhook=_secret(config.alerts.webhook) if config.alerts.webhook else None,
        dashboards=dashboards,
        masked=config.dashboards.mask_phones,
    )


def _secret(secret: Secret) -> str:
    return f"$__env{{{secret.env}}}" if secret.env else f"$__file{{{secret.file}}}"


def shipped() -> tuple[dict[str, Any], dict[str, Any]]:
    """Dashboards by file name, and the file of alert rules, as this version has them."""
    folder = files(__package__) / "files"
    found = {each.name: _json(each) for each in (folder / DASHBOARDS).iterdir() if each.name.endswith(".json")}
    return dict(sorted(found.items())), _json(folder / RULES)


def _json(file: Traversable) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def render(dashboards: Mapping[str, Any], rules: Mapping[str, Any], fit: Target) -> dict[str, str]:
    """The content of every file by its path."""
    made = {f"{DASHBOARDS}/{name}": text(_masked(board, fit.masked)) for name, board in dashboards.items()}
    made[RULES] = text(_routed(rules) if fit.webhook else rules)
    made[_SOURCE] = _source(fit)
    made[_PROVIDER] = _provider(fit)
    if fit.webhook:
        made[_CONTACT] = _contact(fit.webhook)
    return made


def text(value: Any) -> str:
    """JSON as it is committed: stable under any order of making."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _masked(board: Mapping[str, Any], masked: bool) -> dict[str, Any]:
    """The dashboard with the variable `mask`, where it has one, set."""
    variables = [
        {**each, "query": "1" if masked else "0"} if each["name"] == "mask" else each
        for each in board["templating"]["list"]
    ]
    return {**board, "templating": {**board["templating"], "list": variables}}


def _routed(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules, told to our contact point whatever the notification policies say."""
    settings = {"receiver": _RECEIVER, "group_by": ["grafana_folder", "alertname"]}
    groups = [
        {**group, "rules": [{**rule, "notification_settings": settings} for rule in group["rules"]]}
        for group in rules["groups"]
    ]
    return {**rules, "groups": groups}


def _source(fit: Target) -> str:
    url = urlsplit(fit.url)
    secret = f"    secureJsonData:\n      password: {_quoted(fit.password, secret=True)}\n" if fit.password else ""
    return f"""\
# ClickHouse as the dashboards' user, who can read and nothing else. Needs the plugin {PLUGIN}.
apiVersion: 1
datasources:
  - name: {_quoted(SOURCE_NAME)}
    uid: {_quoted(SOURCE_UID)}
    type: {_quoted(PLUGIN)}
    access: proxy
    editable: false
    jsonData:
      protocol: http
      host: {_quoted(url.hostname or "127.0.0.1")}
      port: {url.port or _HTTP_PORTS.get(url.scheme, 8123)}
      secure: {"true" if url.scheme == "https" else "false"}
      path: {_quoted(url.path.strip("/"))}
      username: {_quoted(fit.user)}
      defaultDatabase: {_quoted(fit.database)}
      queryTimeout: "60"
{secret}"""


def _provider(fit: Target) -> str:
    return f"""\
# Where Grafana finds the dashboards; a changed file is read again.
apiVersion: 1
providers:
  - name: {_quoted(SOURCE_NAME)}
    type: file
    folder: {_quoted(FOLDER)}
    folderUid: {_quoted(FOLDER_UID)}
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: {_quoted(fit.dashboards)}
"""


def _contact(webhook: str) -> str:
    return f"""\
# The receiver of alerts; its address is a secret.
apiVersion: 1
contactPoints:
  - orgId: 1
    name: {_quoted(_RECEIVER)}
    receivers:
      - uid: ackstream-webhook
        type: webhook
        settings:
          url: {_quoted(webhook, secret=True)}
          httpMethod: POST
"""


def _quoted(value: str, *, secret: bool = False) -> str:
    """A YAML string. Grafana reads $ as the start of a variable; in what is no secret it stands for itself."""
    return json.dumps(value if secret else value.replace("$", "$$"), ensure_ascii=False)
