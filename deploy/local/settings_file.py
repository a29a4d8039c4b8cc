"""Writes the first settings file and fresh random secrets. Existing files and secrets are never changed."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.layout import Layout
from schemas.errors import Failure
from schemas.settings.config import Config, find_file, load

DEFAULT_DATA_DIR = ".ackstream"
# The secrets of each source: one source per provider for the user, and one for the demo.
SOURCES = {
    "meta": ("secret", "verify-token", "sent-token"),
    "wasender": ("secret", "sent-token"),
    "zapini": ("secret", "sent-token"),
}
_KEYS = {"secret": "secrets", "verify-token": "verify_tokens", "sent-token": "sent_tokens"}

_HEAD = """\
# Settings of Ackstream. Relative paths start at the folder of this file.
#
# A line that begins with "# key =" shows the default of a key: remove the "# " to change it.
#
# Environment variables override this file: ACKSTREAM_<SECTION>_<KEY> for every key of the sections ingest, kafka,
# clickhouse, streams, dashboards and alerts except secrets (ACKSTREAM_INGEST_PORT=8001; lists with commas), and
# ACKSTREAM_DATA_DIR for data_dir. ACKSTREAM_CONFIG is the path of another settings file.
#
# After a change run `make up` again: it restarts the parts that the change affects.

# Folder for all data of the local stack: Kafka's log, ClickHouse's tables, logs, secrets.
data_dir = "{data_dir}"

# Folders with provider modules of your own, one file per provider.
# providers = []

[ingest]
# The address that receives webhooks. Providers must reach it over HTTPS: use a reverse proxy or a tunnel.
# host = "127.0.0.1"
# port = 8000
# Number of processes.
# processes = 1
# The address that providers post to, needed where the signature covers the address (Twilio): "https://hooks.example.com".
# public_url = ""
# true: without public_url, signatures over the address are verified with the Host header of the request, which the
# sender chooses. false: a source that needs public_url is an error at start.
# trust_host_header = false
# Proxies whose X-Forwarded-For is trusted: addresses or networks, such as "10.0.0.0/8".
# trusted_proxies = []
# Rate limit of a source, in requests per second and process (0 = no limit); above it 429. The key per_second of a
# source replaces it for that source.
# source_per_second = 0.0
# Limit of failed requests per minute (0 = no limit) for an address without an accepted request in the last hour. Above
# it failed requests get 429, and a body has 2 seconds to arrive; requests with a valid proof are still accepted. Wrong
# sent_tokens and verify_tokens have the same limit for every address; above it valid ones get 429 as well.
# strangers_per_minute = 600
# Maximum of connections per process; above it a new connection gets 503.
# max_connections = 10000
# Largest accepted body in bytes; above it 413.
# max_body_bytes = 4194304
# Maximum of bytes per process that are read but not yet stored; above it 503. Bodies that arrive slowly and have proven
# nothing take at most half of it; when it is full, the oldest of them are given up (408).
# max_in_flight_bytes = 67108864
# A body that Kafka has not acknowledged after spool_after_seconds is written to the spool on disk and answered with
# 200. Without a spool, or above the limits of the spool, a body that Kafka has not stored within answer_within_seconds
# is answered with 503, and the provider sends it again.
# answer_within_seconds = 5.0
# spool = true
# spool_after_seconds = 1.0
# spool_max_bytes = 1073741824
# spool_max_age_hours = 168.0

[kafka]
# true: `make up` runs a broker at this address. false: bootstrap is the address of your own Kafka.
# local = true
# bootstrap = "127.0.0.1:9092"
# controller_port = 9093
# Fixed once the topics exist. A replication above 1 needs as many brokers.
# partitions = 12
# replication = 1
# How long raw bodies, events and dead letters are kept and can be replayed; -1 = without limit.
# retention_days = 90

[clickhouse]
# true: `make up` runs ClickHouse at this address. false: url is the address of your own ClickHouse.
# local = true
# url = "http://127.0.0.1:8123"
# database = "ackstream"
# user = "ackstream"
password = {{ file = "{secrets}/clickhouse-password" }}
# The read-only user of the dashboards.
# reader_user = "dashboards"
reader_password = {{ file = "{secrets}/clickhouse-reader-password" }}
# Memory limit of one query, in the local ClickHouse.
# max_memory_bytes = 4294967296

[streams]
# Rows are inserted into ClickHouse once the last INSERT is done and began insert_seconds ago, or insert_rows wait. An
# INSERT costs ClickHouse some 50 ms of CPU however few its rows are: larger values save CPU and delay the numbers.
# insert_rows = 20000
# insert_seconds = 0.15
# How often workers commit their offsets to Kafka.
# commit_seconds = 1.0
# A worker without a heartbeat for this time loses its partitions to the other workers.
# session_seconds = 12.0
# false: texts, captions, answers to buttons and forms, and file names stay in Kafka (until retention_days) and never
# reach ClickHouse. No number changes. Texts that are already in ClickHouse stay there until `make clean`.
# store_text = true
# Circuit breaker of the normalise workers: they stop and log the reason when more than half of the sources fail. A
# source fails when at least this part of its last 200 bodies (at least 100) could not be parsed and a bug in Ackstream
# may be the reason. Bodies stay in Kafka until the workers run again. Only authenticated bodies count: forged requests
# cannot stop the workers. 0 = never stop.
# dead_share_limit = 0.5
# Number of worker processes.
# normalise_workers = 1
# load_workers = 1

[costs]
# The prices of delivered messages in your contract, and their currency. No price is built in: for messages without a
# price only the number is shown.
# currency = "USD"
# rates = []
# One block per price, instead of the line above. A price is valid for messages sent from its day on (UTC), until a
# newer price of the same category and country; country = "*" is for countries without a price of their own.
#   [[costs.rates]]
#   from = 2026-10-01
#   category = "marketing"
#   country = "BR"
#   price = 0.0625

[dashboards]
# The web page. It has no login: everybody who can reach it sees everything. To make it available to other machines, put
# a reverse proxy with a login in front of it and list that proxy's host names in hosts.
# host = "127.0.0.1"
# port = 8080
# hosts = []
# false: phone numbers are shown in full, on the page and in the files of `ackstream grafana`.
# mask_phones = true
# Seconds after which an open page loads new numbers.
# refresh_seconds = 30
# Maximum of concurrent ClickHouse queries of all viewers together, and the time limit of one query.
# max_concurrent_queries = 4
# query_seconds = 30.0
# Maximum of rows of a table on the page, and of a CSV file.
# max_rows = 5000
# max_csv_rows = 100000

[alerts]
# Alert rules about delivery, senders and this pipeline; the process of the page evaluates them. `ackstream alerts`
# lists them.
# enabled = true
# The URL that alerts are posted to. Such URLs of chats contain a secret key, so it is read from a file or from an
# environment variable. Without a webhook, which is the default, alerts are shown only on the page.
# webhook = {{ env = "ACKSTREAM_ALERTS_WEBHOOK" }}
# "full": Alertmanager's format and a text. "text": only {{"text": ...}}, for chats that reject other fields.
# form = "full"
# How often rules are evaluated, and how long an alert waits to go into one message with others of the same kind.
# check_seconds = 30.0
# group_seconds = 30.0
# An alert that is still firing is sent again after this time; 0 = never.
# repeat_hours = 12.0
# Time limit of one post to the webhook.
# timeout_seconds = 10.0
# The address of the page in alert messages; empty = its host and port above.
# page_url = ""
# Ids of rules to switch off.
# disabled_rules = []

# One section per webhook endpoint: POST /webhooks/<name>. A list may hold several secrets while one replaces another.
#   secrets         what the provider signs with, or sends with each request: write the provider's value into the file
#   verify_tokens   what you enter in Meta's webhook form
#   sent_tokens     bearer tokens of your own requests to POST /sent/<name>
#
# Further checks of a source, or its only checks if it has no secrets. A request must pass all of them.
#   auth.hmac = {{ header = "X-Sign", algorithm = "sha256", encoding = "hex", prefix = "sha256=", secrets = [...] }}
#   auth.header = {{ name = "X-Token", secrets = [...] }}
#   auth.basic = {{ user = "hooks", secrets = [...] }}
#   auth.jwt = {{ algorithm = "HS256", issuer = "", audience = "", secrets = [...] }}   RS256, ES256: public keys in PEM
#   auth.path = {{ secrets = [...] }}                  the address is then POST /webhooks/<name>/<secret>
#   auth.addresses = ["203.0.113.0/24"]              behind a proxy also set ingest.trusted_proxies
# A source of the provider "generic" reads any JSON by the table [sources.<name>.mapping]: see
# schemas/providers/README.md.
"""


@dataclass(slots=True, frozen=True)
class Written:
    """What `ensure` wrote: the settings file (None if it existed) and the files with fresh secrets."""

    settings: Path | None
    secrets: tuple[Path, ...]


def source_names() -> tuple[str, ...]:
    """The names of the sources in a fresh settings file, the user's own first."""
    return (*SOURCES, *(f"demo-{name}" for name in SOURCES))


def render(data_dir: str, secrets_dir: str) -> str:
    """The text of a fresh settings file."""
    parts = [_HEAD.format(data_dir=_toml(data_dir), secrets=_toml(secrets_dir))]
    for name in source_names():
        provider = name.removeprefix("demo-")
        lines = [f"\n[sources.{name}]", f'provider = "{provider}"']
        lines += [f'{_KEYS[kind]} = [{{ file = "{_toml(secrets_dir)}/{name}-{kind}" }}]' for kind in SOURCES[provider]]
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def ensure(env: Mapping[str, str] = os.environ) -> Written:
    """Writes the settings file and its secret files, as far as they do not exist. Raises Failure."""
    path = find_file(env)
    fresh = not path.exists()
    try:
        if fresh:
            # A data folder from the environment is written into the file: it will hold the secrets. Ports are not.
            given = env.get("ACKSTREAM_DATA_DIR")
            data_dir = str(Path(given).expanduser().absolute()) if given else DEFAULT_DATA_DIR
            path.parent.mkdir(parents=True, exist_ok=True)
            write_new(path, render(data_dir, f"{data_dir}/secrets"), 0o644)
        config = load(path, {})
        return Written(path if fresh else None, _missing_secrets(config))
    except OSError as error:
        raise Failure(
            f"{error.filename or path}: cannot be read or written ({error.strerror}): choose another folder"
        ) from None


def fill(file: Path) -> None:
    """Writes a random secret into `file`, readable by its owner alone, unless the file exists."""
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
    """The secret files of a fresh settings file that this one names too and that were missing; writes them."""
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
    """`text` inside a basic string of TOML, without the quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
