"""`ackstream up`: sets up and starts the local stack."""

import os

import click

from deploy.local import settings_file
from deploy.local.layout import shown
from deploy.local.stack import Local
from schemas.settings.base import Secret
from schemas.settings.config import Config, find_file, load


@click.command()
def command() -> None:
    """Start everything: Kafka, ClickHouse, topics, tables, ingest, workers. Running parts are left alone."""
    written = settings_file.ensure()
    if written.settings:
        click.echo(f"settings written: {shown(written.settings)}")
    if written.secrets:
        click.echo(f"fresh random secrets: {len(written.secrets)} files in {shown(written.secrets[0].parent)}")
    config, file = load(), find_file()
    Local(config, file, os.environ).start(click.echo)
    click.echo(f"\nDashboards: {config.dashboards.url}/\n")
    for line in _closing(config):
        click.echo(line)


def _closing(config: Config) -> list[str]:
    """Endpoints, files of secrets (never their content), and the next commands."""
    lines = ["Your webhook endpoints (put each provider's own secret into its file, then run `make up` again):"]
    base = f"http://{config.ingest.host}:{config.ingest.port}"
    for name, source in config.sources.items():
        if name.startswith("demo-"):
            continue
        lines.append(f"  {base}/webhooks/{name}")
        lines += _files("secret", source.secrets)
        lines += _files("verify token", source.verify_tokens)
        lines += _files(f"bearer token of {base}/sent/{name}", source.sent_tokens)
    lines += ["", "Next: `make demo` sends made-up traffic and checks every number; `make status`, `make down`."]
    return lines


def _files(what: str, found: tuple[Secret, ...]) -> list[str]:
    places = [shown(secret.file) if secret.file else f"environment variable {secret.env}" for secret in found]
    return [f"    {what}: {place}" for place in places]
