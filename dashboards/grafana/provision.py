"""The files that Grafana reads at its start, adapted to a user's settings.

One folder holds `provisioning/` (data source, location of the dashboards, alert rules, contact point), to which
GF_PATHS_PROVISIONING points, and `dashboards/`. The files name secrets and never contain them: Grafana reads the
environment variable or the secret file itself.
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

GrafanaJson = dict[str, Any]  # defined by Grafana

DASHBOARDS: Final = "dashboards"
RULES: Final = "provisioning/alerting/ackstream-rules.json"
_CONTACT: Final = "provisioning/alerting/ackstream-contact.yaml"
_SOURCE: Final = "provisioning/datasources/ackstream.yaml"
_USER: Final = "clickhouse-user.sql"
_PROVIDER: Final = "provisioning/dashboards/ackstream.yaml"
_RECEIVER: Final = "Ackstream"
_HTTP_PORTS: Final = {"http": 8123, "https": 8443}


@dataclass(slots=True, frozen=True)
class Target:
    """What differs between installations. `password` and `webhook` are Grafana expressions that name a secret."""

    url: str = "http://127.0.0.1:8123"
    database: str = "ackstream"
    user: str = "dashboards"
    password: str = "$__env{ACKSTREAM_READER_PASSWORD}"  # noqa: S105  (the name of a variable)
    webhook: str | None = None
    dashboards: str = "/etc/grafana/ackstream/dashboards"  # where Grafana finds them
    masked: bool = True


def target(config: Config, *, dashboards: str, url: str = "") -> Target:
    """The target of the settings. `url`: of ClickHouse as Grafana reaches it, if Grafana runs on another machine."""
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


def shipped() -> tuple[dict[str, GrafanaJson], GrafanaJson]:
    """The dashboards of this version by file name, and its alert rules."""
    folder = files(__package__) / "files"
    found = {each.name: _json(each) for each in (folder / DASHBOARDS).iterdir() if each.name.endswith(".json")}
    return dict(sorted(found.items())), _json(folder / RULES)


def _json(file: Traversable) -> GrafanaJson:
    content: GrafanaJson = json.loads(file.read_text(encoding="utf-8"))
    return content


def render(dashboards: Mapping[str, GrafanaJson], rules: GrafanaJson, target: Target) -> dict[str, str]:
    """The content of every file by its path."""
    made = {f"{DASHBOARDS}/{name}": text(_masked(board, target.masked)) for name, board in dashboards.items()}
    made[RULES] = text(_routed(rules) if target.webhook else rules)
    made[_SOURCE] = _source(target)
    made[_PROVIDER] = _provider(target)
    made[_USER] = _user(target)
    if target.webhook:
        made[_CONTACT] = _contact(target.webhook)
    return made


def text(value: object) -> str:
    """JSON as it is committed, independent of the order of keys."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _masked(board: GrafanaJson, masked: bool) -> GrafanaJson:
    """The dashboard with its variable `mask` set, if it has one."""
    variables = [
        {**each, "query": "1" if masked else "0"} if each["name"] == "mask" else each
        for each in board["templating"]["list"]
    ]
    return {**board, "templating": {**board["templating"], "list": variables}}


def _routed(rules: GrafanaJson) -> GrafanaJson:
    """The rules, which notify our contact point whatever the notification policies are."""
    settings = {"receiver": _RECEIVER, "group_by": ["grafana_folder", "alertname"]}
    groups = [
        {**group, "rules": [{**rule, "notification_settings": settings} for rule in group["rules"]]}
        for group in rules["groups"]
    ]
    return {**rules, "groups": groups}


def _source(target: Target) -> str:
    url = urlsplit(target.url)
    secret = (
        f"    secureJsonData:\n      password: {_quoted(target.password, secret=True)}\n" if target.password else ""
    )
    return f"""\
# ClickHouse with the read-only user of the dashboards. Needs the plugin {PLUGIN}.
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
      username: {_quoted(target.user)}
      defaultDatabase: {_quoted(target.database)}
      queryTimeout: "60"
{secret}"""


def _provider(target: Target) -> str:
    return f"""\
# The folder of the dashboards; Grafana reads a changed file again.
apiVersion: 1
providers:
  - name: {_quoted(SOURCE_NAME)}
    type: file
    folder: {_quoted(FOLDER)}
    folderUid: {_quoted(FOLDER_UID)}
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: {_quoted(target.dashboards)}
"""


def _user(target: Target) -> str:
    return f"""\
-- The read-only user of the dashboards on a ClickHouse server of your own; set the password before you run it.
-- The plugin sends max_execution_time with each query: a user with readonly = 1 may change it if the profile says so.
CREATE SETTINGS PROFILE IF NOT EXISTS `ackstream_dashboards`
    SETTINGS readonly = 1, max_execution_time = 60 CHANGEABLE_IN_READONLY, max_memory_usage = 4294967296;
CREATE USER IF NOT EXISTS `{target.user}` IDENTIFIED BY 'the password' SETTINGS PROFILE `ackstream_dashboards`;
GRANT SELECT ON `{target.database}`.* TO `{target.user}`;
GRANT SELECT ON system.time_zones TO `{target.user}`;
"""


def _contact(webhook: str) -> str:
    return f"""\
# The receiver of alerts. Its address is a secret.
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
    """A YAML string. Grafana reads $ as the start of a variable, so it is escaped outside secrets."""
    return json.dumps(value if secret else value.replace("$", "$$"), ensure_ascii=False)
