"""Writes the first settings file and fresh random secrets. Existing files and secrets are never changed."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.layout import Layout
from schemas.errors import Failure
from schemas.settings.config import Config, find_file, parse

DEFAULT_DATA_DIR = ".ackstream"
# Of the demo's traffic, and of the user's own: one endpoint for each provider.
SOURCES = {
    "meta": ("secret", "verify-token", "sent-token"),
    "wasender": ("secret", "sent-token"),
    "zapini": ("secret", "sent-token"),
}
_KEYS = {"secret": "secrets", "verify-token": "verify_tokens", "sent-token": "sent_tokens"}

_HEAD = """\
# Settings of Ackstream. Relative paths start at the folder of this file.
#
# A line that begins with "# key =" shows a default: remove the "# " to change it. Every key of the sections ingest,
# kafka, clickhouse, streams, dashboards and alerts that is no secret can also be given as ACKSTREAM_<SECTION>_<KEY>
# (ACKSTREAM_INGEST_PORT=8001; lists with commas), and data_dir as ACKSTREAM_DATA_DIR: the environment wins, for the
# whole run of `make up`. ACKSTREAM_CONFIG names another file than this one. After a change run `make up` again: it
# restarts what the change concerns.

# Everything that the local stack keeps: Kafka's log, ClickHouse's tables, logs, secrets.
data_dir = "{data_dir}"

# Folders with providers of your own, a file each; relative ones start at the folder of this file.
# providers = []

[ingest]
# Where webhooks arrive. Providers must reach it over HTTPS: put a proxy or a tunnel in front.
# host = "127.0.0.1"
# port = 8000
# processes = 1
# What providers call us by, for signatures made over the address (Twilio): "https://hooks.example.com".
# public_url = ""
# Proxies whose X-Forwarded-For is believed: addresses or networks, such as "10.0.0.0/8".
# trusted_proxies = []
# Requests a second of one source, of one process (429 past it); 0 = no limit. A source may have its own per_second.
# source_per_second = 0.0
# Failed requests a minute of an address that had none accepted within the hour (429 past it); 0 = no limit.
# strangers_per_minute = 600
# Of one process; past it a new connection is answered 503.
# max_connections = 10000
# Largest body accepted (413 past it), and bytes read but not yet stored of one process (503 past it).
# max_body_bytes = 4194304
# max_in_flight_bytes = 67108864
# What Kafka has not acknowledged after spool_after_seconds waits on the disk and is answered 200. Past the bounds of
# the spool, and without one, what Kafka has not stored by answer_within_seconds is answered 503: send it again.
# answer_within_seconds = 5.0
# spool = true
# spool_after_seconds = 1.0
# spool_max_bytes = 1073741824
# spool_max_age_hours = 168.0

[kafka]
# Local: `make up` runs a broker at this address. With local = false bootstrap names your own Kafka.
# local = true
# bootstrap = "127.0.0.1:9092"
# controller_port = 9093
# Fixed once the topics exist. Replication above 1 needs as many brokers.
# partitions = 12
# replication = 1
# How long raw bodies, events and dead letters are kept and can be replayed; -1 = for ever.
# retention_days = 90

[clickhouse]
# Local: `make up` runs the engine at this address. With local = false url names your own ClickHouse.
# local = true
# url = "http://127.0.0.1:8123"
# database = "ackstream"
# user = "ackstream"
password = {{ file = "{secrets}/clickhouse-password" }}
# The user of dashboards: can read, and nothing else.
# reader_user = "dashboards"
reader_password = {{ file = "{secrets}/clickhouse-reader-password" }}
# Of one query, in the local engine.
# max_memory_bytes = 4294967296

[streams]
# An INSERT is sent at this many rows or this age, whichever comes first.
# insert_rows = 20000
# insert_seconds = 0.5
# commit_seconds = 1.0
# A worker that Kafka has not heard of for so long loses its partitions to the others.
# session_seconds = 12.0
# false: texts, captions, answers to buttons and forms, and file names stay in Kafka (until retention_days) and never
# reach ClickHouse. No number changes. What ClickHouse holds already stays there: `make clean` removes it.
# store_text = true
# When of more sources than not at least this share of the last bodies (200, at least 100) cannot be understood for a
# reason that may be ours, the normalise workers stop and say so, and bodies wait in Kafka; 0 = never. Only bodies count
# whose sender was proven, so nobody who merely knows an address can stop anything.
# dead_share_limit = 0.5
# normalise_workers = 1
# load_workers = 1

[costs]
# What one delivered message costs by your contract, in this currency. No price is built in: where no rate fits, the
# dashboards show volumes alone.
# currency = "USD"
# rates = []
# One block for each price, instead of the line above. It holds from its day on (UTC, the day of sending) until a newer
# one of the same category and country; country = "*" stands for those that no rate names.
#   [[costs.rates]]
#   from = 2026-10-01
#   category = "marketing"
#   country = "BR"
#   price = 0.0625

[dashboards]
# The page. It has no login: whoever reaches it sees everything that it shows. Past this machine put a proxy with a
# login in front of it, and name that proxy's host names in hosts.
# host = "127.0.0.1"
# port = 8080
# hosts = []
# false: phone numbers are shown in full, here and in the files of `ackstream grafana`.
# mask_phones = true
# How often an open page asks for new numbers.
# refresh_seconds = 30
# Questions to ClickHouse at once, of everybody who looks, and how long one of them may take.
# max_concurrent_queries = 4
# query_seconds = 30.0
# Rows of one table on the page, and in one CSV file.
# max_rows = 5000
# max_csv_rows = 100000

[alerts]
# Rules about delivery, senders and this pipeline, judged by the process of the page; `ackstream alerts` lists them.
# enabled = true
# Where messages are posted to. An address of a chat holds a key, so it stands in a file or in the environment. Without
# one, which is the default, the page shows what fires and nobody is told.
# webhook = {{ env = "ACKSTREAM_ALERTS_WEBHOOK" }}
# "full": Alertmanager's form with a text; "text": {{"text": ...}} alone, for chats that refuse other fields.
# form = "full"
# How often rules are judged; how long to wait for more of the same kind, so that they are one message.
# check_seconds = 30.0
# group_seconds = 30.0
# What still fires is told again after so long; 0 = never.
# repeat_hours = 12.0
# timeout_seconds = 10.0
# Of the page, as whoever reads a message reaches it; empty = the address above.
# page_url = ""
# Rules that you do not want, by id.
# disabled_rules = []

# One section for each webhook endpoint: POST /webhooks/<name>. A list may hold several secrets while one is replaced.
# secrets: what the provider signs with, or sends; write the provider's own value into the file.
# verify_tokens: what you type into Meta's webhook form. sent_tokens: bearer tokens of your own POST /sent/<name>.
#
# What else a source asks of its sender, or instead where it has no secrets. Everything that stands there has to hold.
#   auth.hmac = {{ header = "X-Sign", algorithm = "sha256", encoding = "hex", prefix = "sha256=", secrets = [...] }}
#   auth.header = {{ name = "X-Token", secrets = [...] }}
#   auth.basic = {{ user = "hooks", secrets = [...] }}
#   auth.jwt = {{ algorithm = "HS256", issuer = "", audience = "", secrets = [...] }}   RS256, ES256: public keys in PEM
#   auth.path = {{ secrets = [...] }}   then it is POST /webhooks/<name>/<secret>
#   auth.addresses = ["203.0.113.0/24"]   behind a proxy name it in ingest.trusted_proxies
# A source of the provider "generic" reads any JSON by its table [sources.<name>.mapping]; README shows one.
"""


@dataclass(slots=True, frozen=True)
class Written:
    """What `ensure` wrote: the settings file (None when there was one) and files with fresh secrets."""

    settings: Path | None
    secrets: tuple[Path, ...]


def source_names() -> tuple[str, ...]:
    """The sources of a fresh settings file, the user's own first."""
    return (*SOURCES, *(f"demo-{name}" for name in SOURCES))


def render(data_dir: str, secrets_dir: str) -> str:
    """The text of a fresh settings file. Pure."""
    parts = [_HEAD.format(data_dir=_toml(data_dir), secrets=_toml(secrets_dir))]
    for name in source_names():
        provider = name.removeprefix("demo-")
        lines = [f"\n[sources.{name}]", f'provider = "{provider}"']
        lines += [f'{_KEYS[kind]} = [{{ file = "{_toml(secrets_dir)}/{name}-{kind}" }}]' for kind in SOURCES[provider]]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def ensure(env: Mapping[str, str] = os.environ) -> Written:
    """Writes the settings file if there is none, and those of its own secret files that are missing. Raises Failure."""
    path = find_file(env)
    fresh = not path.exists()
    try:
        if fresh:
            # A data folder given now is written down: the secrets made now are in it. Ports given now are not.
            given = env.get("ACKSTREAM_DATA_DIR")
            data_dir = str(Path(given).expanduser().absolute()) if given else DEFAULT_DATA_DIR
            path.parent.mkdir(parents=True, exist_ok=True)
            write_new(path, render(data_dir, f"{data_dir}/secrets"), 0o644)
        config = parse(path.read_text(), path, {})
        return Written(path if fresh else None, _missing_secrets(config))
    except OSError as error:
        raise Failure(
            f"{error.filename or path}: cannot be read or written ({error.strerror}): choose another folder"
        ) from None


def fill(file: Path) -> None:
    """Puts a random secret into `file`, readable by its owner alone, unless it exists."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_new(file, secrets.token_hex(24) + "\n", 0o600)


def write_new(file: Path, text: str, mode: int) -> None:
    """Creates `file` with its whole text, or not at all; one that exists stays as it is. Raises OSError.

    The text goes to a file beside it first: a full disk leaves no half of a settings file that the next run would keep.
    """
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, file)
    finally:
        part.unlink(missing_ok=True)


def _missing_secrets(config: Config) -> tuple[Path, ...]:
    """Fills the secret files that a fresh settings file names and this one still names; other names are the user's."""
    folder = config.data_dir / "secrets"
    ours = {"clickhouse-password", "clickhouse-reader-password"}
    ours |= {f"{name}-{kind}" for name in source_names() for kind in SOURCES[name.removeprefix("demo-")]}
    found = [config.clickhouse.password, config.clickhouse.reader_password]
    for source in config.sources.values():
        found += [*source.secrets, *source.verify_tokens, *source.sent_tokens]
    files = [secret.file for secret in found if secret is not None and secret.file is not None]
    missing = [file for file in files if file.parent == folder and file.name in ours and not file.exists()]
    if missing:
        Layout(config.data_dir).create()
    for file in missing:
        fill(file)
    return tuple(missing)


def _toml(text: str) -> str:
    """`text` for a basic string of TOML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
