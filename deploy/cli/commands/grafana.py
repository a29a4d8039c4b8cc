"""`ackstream grafana`: dashboards, alert rules and data source for the user's own Grafana."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from dashboards.grafana.names import GRAFANA_VERSION, PLUGIN, PLUGIN_VERSION
from dashboards.grafana.provision import DASHBOARDS, render, shipped, target
from deploy.local.layout import shown
from schemas.errors import ConfigError, Failure
from schemas.settings.base import Secret
from schemas.settings.config import load


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to; created if it does not exist.",
)
@click.option("--clickhouse", "url", default="", help="URL of ClickHouse for Grafana, if not clickhouse.url.")
@click.option("--dashboards", "place", default="", help="Path of its dashboards/ for Grafana in a container.")
def command(out: Path, url: str, place: str) -> None:
    """Write the provisioning files of Grafana: data source, dashboards and alert rules for these settings.

    Phone numbers are masked unless dashboards.mask_phones is false. Alerts go to alerts.webhook when there is one,
    otherwise to the contact point of Grafana's notification policies.
    """
    if url and not url.startswith(("http://", "https://")):
        raise click.UsageError("--clickhouse needs an address such as http://clickhouse:8123")
    out = out.absolute()
    config = load()
    fit = target(config, dashboards=place or str(out / DASHBOARDS), url=url)
    made = render(*shipped(), fit)
    try:
        for name, content in made.items():
            file = out / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{error.filename}: cannot be written ({error.strerror}): choose another folder") from None
    click.echo(f"{len(made)} files written to {shown(out)}")
    click.echo(f"Start Grafana {GRAFANA_VERSION} or newer with GF_PATHS_PROVISIONING={out / 'provisioning'}")
    click.echo(f"and the plugin {PLUGIN} {PLUGIN_VERSION} or newer.")
    if place and urlsplit(fit.url).hostname in ("127.0.0.1", "localhost", "::1"):
        click.echo(f"A Grafana in a container does not reach {fit.url}: give its address by --clickhouse.")
    if "$" in _text_of(config.clickhouse.reader_password):
        click.echo("The password of the reader contains a $, which the plugin may expand: choose another.")
    for secret in (fit.password, fit.webhook or ""):
        if secret.startswith("$__env{"):
            click.echo(f"Grafana needs the environment variable {secret[7:-1]}.")
        elif secret:
            click.echo(f"Grafana must be able to read {secret[8:-1]}.")


def _text_of(secret: Secret | None) -> str:
    """The secret; "" when it is not on this machine."""
    try:
        return "" if secret is None else secret.read()
    except ConfigError:
        return ""
