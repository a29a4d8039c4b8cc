"""The sections of the settings file: every key with its default and its bounds.

deploy/local/settings_file.py explains every key to users; a test compares its text with the keys and defaults here.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from schemas.settings import costs
from schemas.settings.authentication import Auth
from schemas.settings.base import Network, Port, Secret, Section, Server, comma_separated, matching, not_zero_days
from schemas.settings.brokers import BrokerList

SOURCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MIB = 1024 * 1024

_PUBLIC_URL = "must be an address such as 'https://hooks.example.com', without a query"
_PAGE_URL = "must be an address that begins with http:// or https://"
_CLICKHOUSE_URL = "must be an address such as 'http://127.0.0.1:8123'"
_DATABASE = "must be a name of letters, digits and _ that does not begin with a digit"
_CURRENCY = "must be a currency code of three capital letters, such as 'USD'"


class Ingest(Server):
    """The edge: the processes that receive webhooks."""

    port: Port = 8000
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    # The address that providers post to, for signatures over the address: "https://hooks.example.com".
    public_url: Annotated[str, matching(r"(https?://[^/?#\s]+(/[^?#\s]*)?)?", _PUBLIC_URL)] = ""
    # Without public_url: take the address from the Host header, which the sender chooses.
    trust_host_header: bool = False
    # Proxies whose X-Forwarded-For is trusted.
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(comma_separated)] = ()
    # Requests of one source to one process, and twice as many at once; above it 429. 0 = no limit.
    source_per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    # Failed requests of an address without an accepted one in the last hour, and wrong tokens of any; above it 429.
    strangers_per_minute: Annotated[int, Field(ge=0)] = 600
    # Per process; above it a new connection gets 503 and is closed.
    max_connections: Annotated[int, Field(ge=1)] = 10_000
    max_body_bytes: Annotated[int, Field(ge=1024, le=4 * MIB)] = 4 * MIB
    # Bodies that are read but not yet stored, per process; above it new ones get 503.
    max_in_flight_bytes: Annotated[int, Field(ge=4 * MIB)] = 64 * MIB
    # Meta counts answers over 1 s as slow and wants the median below 250 ms; a broker that needs longer is down.
    answer_within_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    # While Kafka is down, bodies are kept on disk in data_dir/spool; without a spool they get 503.
    spool: bool = True
    # What Kafka has not acknowledged by then, or in half of answer_within_seconds, goes to the spool.
    spool_after_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    # Size of the spool over all processes, and age of its oldest body; above either limit bodies get 503.
    spool_max_bytes: Annotated[int, Field(ge=MIB)] = 1024 * MIB
    spool_max_age_hours: Annotated[float, Field(gt=0)] = 168.0


class Kafka(Section):
    """The brokers, and how the topics are created."""

    bootstrap: BrokerList = BrokerList("127.0.0.1:9092")
    local: bool = True
    controller_port: Port = 9093
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    replication: Annotated[int, Field(ge=1, le=5)] = 1
    retention_days: Annotated[int, Field(ge=-1), AfterValidator(not_zero_days)] = 90


class ClickHouse(Section):
    """The database, its full user and its read-only user."""

    url: Annotated[str, matching(r"https?://(\[[0-9A-Fa-f:.]+\]|[^/?#\s@:\[\]]+)(:\d{1,5})?/?", _CLICKHOUSE_URL)] = (
        "http://127.0.0.1:8123"
    )
    local: bool = True
    database: Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", _DATABASE)] = "ackstream"
    user: str = "ackstream"
    password: Secret | None = None
    reader_user: str = "dashboards"
    reader_password: Secret | None = None
    max_memory_bytes: Annotated[int, Field(ge=256 * MIB)] = 4096 * MIB

    def client_options(self, *, reader: bool = False) -> dict[str, Any]:
        """The arguments of clickhouse-connect's client functions; `reader`: as the read-only user.

        Reads the password. Raises ConfigError.
        """
        url = urlsplit(self.url)
        secret = self.reader_password if reader else self.password
        return {
            "host": url.hostname or "127.0.0.1",
            "port": url.port or (8443 if url.scheme == "https" else 8123),
            "secure": url.scheme == "https",
            "username": self.reader_user if reader else self.user,
            "password": secret.read() if secret else "",
            "database": self.database,
            "autogenerate_session_id": False,  # sessions serialise their queries
        }


class Streams(Section):
    """The workers that normalise bodies and load events."""

    # An INSERT begins when so many rows wait, or so long after the last one began. It costs 50 ms of CPU at least.
    insert_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    insert_seconds: Annotated[float, Field(gt=0, le=60)] = 0.15
    commit_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    # Kafka refuses a session timeout under 6 s (group.min.session.timeout.ms).
    session_seconds: Annotated[float, Field(ge=6, le=300)] = 12.0
    # False: what people wrote (schemas.events.WRITTEN) stays in Kafka and never reaches ClickHouse.
    store_text: bool = True
    # A normalise worker stops when it cannot understand this part of the proven bodies of most sources; 0 = never.
    dead_share_limit: Annotated[float, Field(ge=0, le=1)] = 0.5
    normalise_workers: Annotated[int, Field(ge=1, le=64)] = 1
    load_workers: Annotated[int, Field(ge=1, le=64)] = 1


class Costs(Section):
    """The rate card."""

    # Of all prices, ISO 4217; the bill of one account has one currency.
    currency: Annotated[str, matching(r"[A-Z]{3}", _CURRENCY)] = "USD"
    rates: tuple[costs.Rate, ...] = ()

    @field_validator("rates")
    @classmethod
    def _one_price_a_day(cls, rates: tuple[costs.Rate, ...]) -> tuple[costs.Rate, ...]:
        if twice := costs.duplicate(rates):
            raise ValueError(f"two prices for {twice.category}, {twice.country} from {twice.valid_from}: keep one")
        return rates


class Dashboards(Server):
    """The page. It has no login: beyond loopback it needs a proxy with one in front, whose hosts are named here."""

    port: Port = 8080
    # Host names that a browser may use besides loopback's; empty together with a host beyond loopback = any name.
    hosts: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = ()
    mask_phones: bool = True
    refresh_seconds: Annotated[int, Field(ge=2, le=3600)] = 30
    # Concurrent queries on ClickHouse of all viewers together; more are queued.
    max_concurrent_queries: Annotated[int, Field(ge=1, le=64)] = 4
    query_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    # Rows of one panel on the page, and in one CSV file.
    max_rows: Annotated[int, Field(ge=100, le=50_000)] = 5_000
    max_csv_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 100_000


class Alerts(Section):
    """Alert rules, evaluated by the process of the page. Without a webhook alerts are shown on the page only."""

    enabled: bool = True
    # Address of the receiver. Addresses of chats contain a key, so it is treated as a secret.
    webhook: Secret | None = None
    # full: Alertmanager's form and a text; text: {"text": ...} alone, for chats that refuse other fields.
    form: Literal["full", "text"] = "full"
    check_seconds: Annotated[float, Field(ge=1, le=3600)] = 30.0
    # How long to wait for further alerts of the same kind, to send them as one message.
    group_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    # An alert that still fires is sent again after this time; 0 = never.
    repeat_hours: Annotated[float, Field(ge=0, le=720)] = 12.0
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    # Address of the page for the readers of a message; empty = the address that it listens on.
    page_url: Annotated[str, matching(r"(https?://.+)?", _PAGE_URL)] = ""
    # Ids of rules that are switched off; `ackstream alerts` lists all.
    disabled_rules: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = ()


class Source(Section):
    """One webhook endpoint: an account at a provider."""

    provider: str
    secrets: tuple[Secret, ...] = ()
    verify_tokens: tuple[Secret, ...] = ()
    sent_tokens: tuple[Secret, ...] = ()
    # What else the sender has to prove, or what it has to prove where there are no `secrets`.
    auth: Auth = Auth()
    # How to read the bodies, for a provider that is configured by its sources; that provider checks it.
    mapping: dict[str, Any] | None = None
    # Replaces ingest.source_per_second.
    per_second: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
