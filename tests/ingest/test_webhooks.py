"""POST and GET /webhooks: the stored records, the refusals and their answers."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import ClientSession
from yarl import URL

from schemas.parsing.times import parse_iso
from tests.ingest.edge_process import META_OLD_SECRET, VERIFY_TOKEN, WASENDER_SECRET, EdgeProcess, RawTopic, headers

Signed = Callable[..., dict[str, str]]
MIB = 1024 * 1024


async def test_the_record_is_in_kafka_before_the_answer(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic, signed: Signed
) -> None:
    body = b'{"object":"whatsapp_business_account","text":"Gr\\u00fc\xc3\x9fe"}\r\n'
    extra = {"Cookie": "a=b", "Authorization": "Bearer something", "Content-Type": "application/json"}
    async with http.post(f"{shared_edge.url}/webhooks/meta?token=x", data=body, headers=signed(body) | extra) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        request_id = answer.headers["X-Request-Id"]
    [record] = await raw.records()
    assert record.value == body
    assert record.key is None
    found = headers(record)
    received_at = found.pop("received_at")
    assert record.timestamp == parse_iso(received_at)
    assert len(received_at) == len("2026-11-20T12:00:00.123Z")
    proof = found.pop("auth")
    assert proof.startswith("hmac-sha256;key=")
    assert found == {
        "source": "meta",
        "provider": "meta",
        "request_id": request_id,
        "x-hub-signature-256": signed(body)["X-Hub-Signature-256"],
    }


async def test_both_valid_secrets_are_accepted_and_distinguished(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic, signed: Signed
) -> None:
    for secret in (None, META_OLD_SECRET):
        proof = signed(b"{}") if secret is None else signed(b"{}", secret)
        async with http.post(f"{shared_edge.url}/webhooks/meta", data=b"{}", headers=proof) as answer:
            assert answer.status == 200
    first, second = (headers(record)["auth"] for record in await raw.records())
    assert first != second


async def test_a_static_secret_is_never_stored(shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic) -> None:
    proof = {"X-Webhook-Signature": WASENDER_SECRET}
    async with http.post(f"{shared_edge.url}/webhooks/wasender", data=b"{}", headers=proof) as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert headers(record)["auth"].startswith("static;key=")
    assert WASENDER_SECRET not in str(record)


async def test_a_source_without_secrets_is_stored_as_unsigned(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(f"{shared_edge.url}/webhooks/open", data=b"not even JSON \xff\x00") as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert (headers(record)["auth"], record.value) == ("unsigned", b"not even JSON \xff\x00")


@pytest.mark.parametrize("size", [0, 1, 3 * MIB, 4 * MIB])
@pytest.mark.parametrize("chunked", [False, True])
async def test_every_size_up_to_the_limit_passes(
    size: int, chunked: bool, shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic, signed: Signed
) -> None:
    body = b"x" * size
    data = _pieces(body) if chunked else body
    async with http.post(f"{shared_edge.url}/webhooks/meta", data=data, headers=signed(body)) as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert record.value == body


async def test_a_compressed_body_is_kept_as_it_was_sent(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic, signed: Signed
) -> None:
    body = gzip.compress(b'{"object":"whatsapp_business_account"}')
    sent = signed(body) | {"Content-Encoding": "gzip"}
    async with http.post(f"{shared_edge.url}/webhooks/meta", data=body, headers=sent) as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert (record.value, headers(record)["content-encoding"]) == (body, "gzip")


@pytest.mark.parametrize(
    ("path", "proof"),
    [
        ("/webhooks/meta", {}),
        ("/webhooks/meta", {"X-Hub-Signature-256": "sha256=" + "0" * 64}),
        ("/webhooks/meta", {"X-Hub-Signature-256": "sha256=é"}),
        ("/webhooks/wasender", {}),
        ("/webhooks/wasender", {"X-Webhook-Signature": WASENDER_SECRET + "x"}),
    ],
)
async def test_a_forgery_is_refused_and_nothing_is_stored(
    path: str, proof: dict[str, str], shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(shared_edge.url + path, data=b'{"from":"+491510000042"}', headers=proof) as answer:
        text = await answer.text()
        assert answer.status == 401
        assert json.loads(text)["error"] == "bad_credentials"
    assert "491510000042" not in text
    assert await raw.records() == []


@pytest.mark.parametrize(
    "path", ["/webhooks/open/", "/webhooks//open", "//webhooks/open//", "/WEBHOOKS/OPEN", "/Webhooks/Open/"]
)
async def test_slashes_and_capitals_do_not_matter(
    path: str, shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(shared_edge.url + path, data=b"{}", headers={"Expect": "100-continue"}) as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert headers(record)["source"] == "open"
    async with http.put(shared_edge.url + path) as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/nobody",
        "/webhooks/nobody/",
        "/webhooks/",
        "/sent/nobody",
        "/",
        "/webhooks/meta/x",
        "/webhooks//meta/x",
        "/%2e%2e",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_addresses_are_404_in_json(
    method: str, path: str, shared_edge: EdgeProcess, http: ClientSession
) -> None:
    async with http.request(method, shared_edge.url + path) as answer:
        assert answer.status == 404
        assert set(await answer.json()) == {"error", "detail"}
    assert "nobody" not in await (await http.get(f"{shared_edge.url}/metrics")).text()


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(shared_edge: EdgeProcess) -> None:
    head = f"POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nContent-Length: {4 * MIB + 1}\r\n\r\n"
    assert await _first_line(shared_edge, head.encode()) == b"HTTP/1.1 413 Request Entity Too Large\r\n"


async def test_a_body_over_the_limit_is_refused_before_it_is_requested(shared_edge: EdgeProcess) -> None:
    head = f"POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {4 * MIB + 1}\r\n\r\n"
    assert await _first_line(shared_edge, head.encode()) == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    head = "POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    assert await _first_line(shared_edge, head.encode()) == b"HTTP/1.1 100 Continue\r\n"


async def test_a_chunked_body_is_refused_once_it_passes_the_limit(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic, signed: Signed
) -> None:
    body = b"x" * (4 * MIB + 1)
    async with http.post(f"{shared_edge.url}/webhooks/meta", data=_pieces(body), headers=signed(body)) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"] == "too_large"
    assert await raw.records() == []


async def test_a_broken_upload_stores_nothing(shared_edge: EdgeProcess, raw: RawTopic) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_edge.port)
    writer.write(b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.transport.abort()
    del reader
    async with ClientSession() as http, http.post(f"{shared_edge.url}/webhooks/open", data=b"whole") as answer:
        assert answer.status == 200
    assert [record.value for record in await raw.records()] == [b"whole"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/webhooks/meta", 405, "GET, POST, OPTIONS"),
        ("HEAD", "/webhooks/meta", 405, "GET, POST, OPTIONS"),
        ("GET", "/webhooks/wasender", 405, "POST, OPTIONS"),
        ("GET", "/sent/meta", 405, "POST, OPTIONS"),
        ("POST", "/healthz", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/webhooks/meta", 204, "GET, POST, OPTIONS"),
        ("OPTIONS", "/sent/meta", 204, "POST, OPTIONS"),
        ("OPTIONS", "/readyz", 204, "GET, HEAD, OPTIONS"),
        ("HEAD", "/healthz", 200, None),
        ("HEAD", "/readyz", 200, None),
    ],
)
async def test_methods(
    method: str, path: str, status: int, allow: str | None, shared_edge: EdgeProcess, http: ClientSession
) -> None:
    async with http.request(method, shared_edge.url + path) as answer:
        assert (answer.status, answer.headers.get("Allow")) == (status, allow)
        if status == 405 and method != "HEAD":
            assert (await answer.json())["error"] == "method_not_allowed"


async def test_a_query_is_stored_as_a_form_for_a_provider_that_may_use_get(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    form = "MessageSid=SM1&MessageStatus=read&To=whatsapp%3A%2B5511922221111"
    async with http.get(URL(f"{shared_edge.url}/webhooks/twilio?{form}", encoded=True)) as answer:
        assert answer.status == 200
    [record] = await raw.records()
    assert (record.value, headers(record)["provider"]) == (form.encode(), "twilio")
    async with http.get(f"{shared_edge.url}/webhooks/twilio") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, OPTIONS")


async def test_handshake(shared_edge: EdgeProcess, http: ClientSession) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "<b>1158201444</b>"}
    async with http.get(f"{shared_edge.url}/webhooks/meta", params=query) as answer:
        assert (answer.status, answer.content_type) == (200, "text/plain")
        assert await answer.text() == "<b>1158201444</b>"
    for wrong in ({"hub.verify_token": "guess"}, {"hub.mode": "unsubscribe"}):
        async with http.get(f"{shared_edge.url}/webhooks/meta", params=query | wrong) as answer:
            assert answer.status == 403
            assert (await answer.json())["error"] == "wrong_token"


@pytest.mark.parametrize(
    "noise",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /webhooks/meta HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /webhooks/meta?hub.verify_token=guess-me HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
    ],
)
async def test_invalid_http_is_answered_in_json(noise: bytes, shared_edge: EdgeProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_edge.port)
    writer.write(noise)
    head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert json.loads(body)["error"] == "bad_request"
    assert "guess-me" not in shared_edge.log


@pytest.mark.parametrize(
    "line", [b"OPTIONS * HTTP/1.1", b"CONNECT example.com:443 HTTP/1.1", b"GET http://example.com HTTP/1.1"]
)
async def test_what_no_route_can_take_is_answered_in_json(line: bytes, shared_edge: EdgeProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_edge.port)
    writer.write(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["error"] == "not_found"


async def test_an_expectation_of_odd_bytes_changes_nothing(shared_edge: EdgeProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_edge.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: \xff\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_one_connection_serves_many_requests(shared_edge: EdgeProcess, raw: RawTopic) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_edge.port)
    for number in range(3):
        writer.write(b"POST /webhooks/open HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % number)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert sorted(record.value for record in await raw.records()) == [b"0", b"1", b"2"]


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body) or 1, 100_000):
        yield body[start : start + 100_000]


async def _first_line(edge: EdgeProcess, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port, family=socket.AF_INET)
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    return line
