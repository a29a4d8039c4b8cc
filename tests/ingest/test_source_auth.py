"""The addresses and proofs of a source over HTTP: which requests are accepted, which are refused.

There is no Kafka and no spool here: an accepted request is answered 503 not_stored.
"""

import asyncio
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from ingest.http import sources
from ingest.http.app import create_app
from ingest.http.authenticate import Source, webhook_headers
from ingest.http.limits import sender_address
from schemas.authentication.request import Request
from schemas.http_errors import HttpError
from schemas.settings.config import Config, parse

SEGMENT = "fictional-segment-of-the-address"
SETTINGS = """
[ingest]
trusted_proxies = ["127.0.0.1"]
spool = false

[sources.evolution]
provider = "evolution"

[sources.hidden]
provider = "meta"
verify_tokens = [{ env = "T_TOKEN" }]
auth.path = { secrets = [{ env = "T_SEGMENT" }] }

[sources.hidden-evolution]
provider = "evolution"
auth.path = { secrets = [{ env = "T_OLD_SEGMENT" }, { env = "T_SEGMENT" }] }

[sources.near]
provider = "zapini"
sent_tokens = [{ env = "T_TOKEN" }]
auth.addresses = ["203.0.113.0/24"]

[sources.token]
provider = "z-api"
secrets = [{ env = "T_TOKEN" }]

[sources.waha]
provider = "waha"
secrets = [{ env = "T_TOKEN" }]

[sources.strict]
provider = "zapini"
secrets = [{ env = "T_TOKEN" }]
auth.basic = { user = "hooks", secrets = [{ env = "T_TOKEN" }] }
auth.hmac = { header = "X-Signature", secrets = [{ env = "T_TOKEN" }] }
"""
TOKEN = "fictional-token"
ENV = {"T_TOKEN": TOKEN, "T_SEGMENT": SEGMENT, "T_OLD_SEGMENT": "an-older-fictional-segment"}
ACCEPTED, UNPROVEN, NO_ADDRESS = (503, "not_stored"), (401, "bad_credentials"), (404, "not_found")

Post = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def config(tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> Config:
    for name, secret in ENV.items():
        monkeypatch.setenv(name, secret)
    kafka = f'\n[kafka]\nbootstrap = "127.0.0.1:{unused_tcp_port}"\n'
    return parse(SETTINGS + kafka, tmp_path / "ackstream.toml", {})


@pytest.fixture
async def http(config: Config) -> AsyncIterator[ClientSession]:
    """A client of the edge; its requests come through a proxy that the edge trusts."""
    server = TestServer(create_app(config, sources.load(config)))
    await server.start_server()
    async with ClientSession(server.make_url("/")) as session:
        yield session
    await server.close()


@pytest.fixture
def post(http: ClientSession) -> Post:
    async def ask(path: str, headers: dict[str, str] | None = None, body: bytes = b"{}") -> tuple[int, str]:
        async with http.post(path, data=body, headers=headers) as answer:
            assert answer.content_type == "application/json"
            return answer.status, (await answer.json())["error"]

    return ask


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        (f"/webhooks/hidden/{SEGMENT}x", "A: b"),
        ("/webhooks/near", "X-Forwarded-For: 198.51.100.1"),
        ("/webhooks/strict", "Authorization: Basic aG9va3M6d3Jvbmc="),
        ("/webhooks/token", "X-Key: wrong"),
        ("/webhooks/waha", "X-Key: wrong"),
        ("/sent/near", "Authorization: Bearer wrong"),
    ],
)
@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
async def test_a_wrong_proof_that_needs_no_body_is_refused_before_the_body(
    path: str, proof: str, expect: str, http: ClientSession
) -> None:
    assert await _first_line(http, path, f"{proof}\r\n{expect}") == b"HTTP/1.1 401 Unauthorized\r\n"


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        (f"/webhooks/hidden/{SEGMENT}", "A: b"),
        ("/webhooks/near", "X-Forwarded-For: 203.0.113.9"),
        ("/webhooks/token", f"X-Key: {TOKEN}"),
        ("/webhooks/waha", f"X-Webhook-Hmac: {TOKEN}"),
        ("/sent/near", f"Authorization: Bearer {TOKEN}"),
    ],
)
async def test_a_body_is_requested_where_it_may_be_proven(path: str, proof: str, http: ClientSession) -> None:
    line = await _first_line(http, path, f"{proof}\r\nExpect: 100-continue\r\n")
    assert line == b"HTTP/1.1 100 Continue\r\n"


async def _first_line(http: ClientSession, path: str, headers: str) -> bytes:
    """The first line of the answer to a POST whose body does not come."""
    url = http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{headers}\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    return line


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/webhooks/evolution", ACCEPTED),
        ("/webhooks/evolution/messages-upsert", ACCEPTED),
        ("/webhooks/evolution/send-message-update", ACCEPTED),
        ("/webhooks/evolution/some-new-event", ACCEPTED),
        ("/webhooks/evolution/messages-upsert/x", NO_ADDRESS),
        ("/webhooks/evolution/MESSAGES_UPSERT", ACCEPTED),
        ("/webhooks/evolution/", ACCEPTED),
        ("/webhooks/evolution//messages-upsert", ACCEPTED),
        ("/webhooks/evolution/messages-upsert/", ACCEPTED),
        ("/Webhooks//EVOLUTION//Messages-Upsert//", ACCEPTED),
        ("/webhooks/evolution/messages upsert", NO_ADDRESS),
        (f"/WEBHOOKS/Hidden//{SEGMENT}/", ACCEPTED),
        (f"/webhooks/hidden/{SEGMENT.upper()}", UNPROVEN),
        ("/webhooks/near/messages-upsert", NO_ADDRESS),
        (f"/webhooks/hidden/{SEGMENT}", ACCEPTED),
        ("/webhooks/hidden", UNPROVEN),
        (f"/webhooks/hidden/{SEGMENT}x", UNPROVEN),
        (f"/webhooks/hidden/{SEGMENT}/messages-upsert", NO_ADDRESS),
        (f"/webhooks/hidden-evolution/{SEGMENT}", ACCEPTED),
        (f"/webhooks/hidden-evolution/{SEGMENT}/messages-upsert", ACCEPTED),
        ("/webhooks/hidden-evolution/an-older-fictional-segment/messages-upsert", ACCEPTED),
        ("/webhooks/hidden-evolution/messages-upsert", UNPROVEN),
    ],
)
async def test_addresses_of_a_source(path: str, answer: tuple[int, str], post: Post) -> None:
    assert await post(path) == answer


@pytest.mark.parametrize(
    ("forwarded", "answer"),
    [
        ("203.0.113.77", ACCEPTED),
        ("8.8.8.8", UNPROVEN),
        ("203.0.113.77, 8.8.8.8", UNPROVEN),  # the first was written by the sender
        ("nonsense", UNPROVEN),
        (None, UNPROVEN),
    ],
)
async def test_networks_behind_a_trusted_proxy(forwarded: str | None, answer: tuple[int, str], post: Post) -> None:
    assert await post("/webhooks/near", {"X-Forwarded-For": forwarded} if forwarded else {}) == answer


def test_the_sender_is_an_address_where_limits_count_networks() -> None:
    assert sender_address("2001:db8::5", None, ()) == "2001:db8::5"
    assert sender_address("8.8.8.8", "203.0.113.77", ()) == "8.8.8.8"


async def test_several_lines_of_the_proxies_header_are_one_list(http: ClientSession) -> None:
    lines = [("X-Forwarded-For", "203.0.113.77"), ("X-Forwarded-For", "8.8.8.8")]
    async with http.post("/webhooks/near", data=b"{}", headers=lines) as answer:
        assert answer.status == 401


async def test_every_proof_of_a_source_is_required(post: Post) -> None:
    body = b'{"event":"message.received"}'
    proofs = {
        "X-Webhook-Secret": TOKEN,
        "Authorization": "Basic " + b64encode(f"hooks:{TOKEN}".encode()).decode(),
        "X-Signature": hmac.digest(TOKEN.encode(), body, "sha256").hex(),
    }
    assert await post("/webhooks/strict", proofs, body) == ACCEPTED
    assert await post("/webhooks/strict", proofs, body + b" ") == UNPROVEN
    for name in proofs:
        assert await post("/webhooks/strict", {key: proofs[key] for key in proofs if key != name}, body) == UNPROVEN


async def test_a_handshake_needs_the_segment_as_well(http: ClientSession) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
    for path, status in ((f"/webhooks/hidden/{SEGMENT}", 200), ("/webhooks/hidden", 403), ("/webhooks/hidden/x", 403)):
        async with http.get(path, params=query) as answer:
            assert answer.status == status
            assert (await answer.text() == "1158201444") == (status == 200)


def accepted_headers(source: Source, request: Request) -> dict[str, bytes]:
    """The headers of the record that is stored for an accepted request."""
    headers = webhook_headers(source, request, "id")
    assert not isinstance(headers, HttpError)
    return dict(headers)


def test_a_record_names_the_proofs_and_holds_no_secret(config: Config) -> None:
    loaded = sources.load(config)
    body = b"{}"
    given = {
        "x-webhook-secret": TOKEN,
        "authorization": "Basic " + b64encode(f"hooks:{TOKEN}".encode()).decode(),
        "x-signature": hmac.digest(TOKEN.encode(), body, "sha256").hex(),
    }
    strict = accepted_headers(loaded["strict"], Request(given, body))
    assert strict["auth"].startswith(b"static+hmac-sha256+basic;key=")
    assert strict["x-signature"].decode() == given["x-signature"]
    hidden = accepted_headers(loaded["hidden"], Request({}, body, path_secret=SEGMENT))
    assert hidden["auth"].startswith(b"path;key=")
    near = accepted_headers(loaded["near"], Request({}, body, address="203.0.113.1"))
    assert near["auth"] == b"address;key="
    for record in (strict, hidden, near):
        assert not any(secret.encode() in value for value in record.values() for secret in ENV.values())


def test_a_source_that_is_not_fully_proven_is_logged_once(config: Config) -> None:
    with capture_logs() as logs:
        sources.warn(sources.load(config))
    details = {line["source"]: line["reason"] for line in logs}
    assert len(logs) == len(details)
    assert set(details) == {"evolution", "hidden", "hidden-evolution", "near", "token"}  # the others sign
    assert "anybody who knows its address" in details["evolution"]
    assert "anybody in the networks of auth.addresses" in details["near"]
