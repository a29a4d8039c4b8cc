"""POST /sent: records of the user's own send API."""

import gzip
import json
from typing import Any

import pytest
from aiohttp import ClientSession

from ingest.http.sent_bodies import REFUSED_SHOWN, read_records
from tests.ingest.edge_process import SENT_TOKEN, EdgeProcess, RawTopic, headers

TOKEN = {"Authorization": f"Bearer {SENT_TOKEN}"}
ONE = {"message_id": "wamid.1", "to": "+491510000001", "mine": {"a": [1, "ü"]}}
TWO = {"message_id": "wamid.2", "campaign": "spring"}


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (json.dumps(ONE), [ONE]),
        (json.dumps([ONE, TWO]), [ONE, TWO]),
        (f"{json.dumps(ONE)}\r\n\r\n{json.dumps(TWO)}\r\n", [ONE, TWO]),
    ],
)
async def test_every_form_of_body_is_stored_as_one_record_a_line(
    body: str, stored: list[dict[str, Any]], shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(f"{shared_edge.url}/sent/meta", data=body.encode(), headers=TOKEN) as answer:
        assert answer.status == 200
        assert await answer.json() == {"accepted": len(stored), "refused": []}
        request_id = answer.headers["X-Request-Id"]
    [record] = await raw.records()
    assert [json.loads(line) for line in record.value.splitlines()] == stored
    found = headers(record)
    assert found.pop("auth").startswith("bearer;key=")
    assert found.pop("received_at")
    assert found == {"source": "meta", "provider": "meta", "request_id": request_id, "kind": "sent"}
    assert SENT_TOKEN not in str(record)


async def test_a_compressed_body_is_read_and_stored_plain(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    packed = TOKEN | {"Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps([ONE, TWO]).encode())
    async with http.post(f"{shared_edge.url}/sent/meta", data=body, headers=packed) as answer:
        assert (answer.status, await answer.json()) == (200, {"accepted": 2, "refused": []})
    [record] = await raw.records()
    assert [json.loads(line) for line in record.value.splitlines()] == [ONE, TWO]
    async with http.post(f"{shared_edge.url}/sent/meta", data=body[:-9], headers=packed) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "bad_encoding")


async def test_good_records_are_stored_beside_refused_ones(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    body = json.dumps([{"to": "+491510000042"}, ONE, 7]).encode()
    async with http.post(f"{shared_edge.url}/sent/meta", data=body, headers=TOKEN) as answer:
        report = await answer.json()
    assert (answer.status, report["accepted"], [each["index"] for each in report["refused"]]) == (200, 1, [0, 2])
    assert all(each["reason"] for each in report["refused"])
    assert "491510000042" not in str(report)
    [record] = await raw.records()
    assert json.loads(record.value) == ONE


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b'{"to":"+491510000042"}\n{"to":1}', b"\xff\xfe"])
async def test_nothing_usable_is_400_with_the_report(
    body: bytes, shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(f"{shared_edge.url}/sent/meta", data=body, headers=TOKEN) as answer:
        report = await answer.json()
    assert (answer.status, report["accepted"], report["error"]) == (400, 0, "nothing_usable")
    assert {"detail", "refused"} < set(report)
    assert "491510000042" not in str(report)
    assert await raw.records() == []


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("meta", {}),
        ("meta", {"Authorization": "Bearer wrong"}),
        ("meta", {"Authorization": "Bearer "}),
        ("meta", {"Authorization": SENT_TOKEN}),
        ("meta", {"Authorization": f"Basic {SENT_TOKEN}"}),
        ("wasender", TOKEN),  # has no sent_tokens
    ],
)
async def test_nothing_is_stored_without_a_token_of_the_source(
    source: str, given: dict[str, str], shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(f"{shared_edge.url}/sent/{source}", data=json.dumps(ONE).encode(), headers=given) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await answer.json())["error"] == "bad_credentials"
    assert await raw.records() == []


async def test_a_large_body_is_stored_whole(shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic) -> None:
    records = [{"message_id": f"wamid.{number}", "note": "x" * 200} for number in range(12_000)]
    async with http.post(f"{shared_edge.url}/sent/meta", data=json.dumps(records).encode(), headers=TOKEN) as answer:
        assert await answer.json() == {"accepted": 12_000, "refused": []}
    [record] = await raw.records()
    assert [json.loads(line) for line in record.value.splitlines()] == records


async def test_records_that_grow_beyond_the_size_of_a_record_are_refused(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    # 1e15 has 4 bytes and is written back with 18.
    body = b'{"message_id":"a","numbers":[' + b",".join([b"1e15"] * 700_000) + b"]}"
    async with http.post(f"{shared_edge.url}/sent/meta", data=body, headers=TOKEN) as answer:
        assert (answer.status, (await answer.json())["error"]) == (413, "too_large")
    assert await raw.records() == []


async def test_a_providers_own_answer_is_stored_verbatim_with_the_facts_of_the_query(
    shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    body = b'{ "messages": [{"id": "wamid.9"}], "contacts": [{"wa_id": "491510000042"}] }'
    query = {"raw": "1", "template": "gruß", "to": "+491510000042", "callback_data": "a=1&b"}
    async with http.post(f"{shared_edge.url}/sent/meta", params=query, data=body, headers=TOKEN) as answer:
        assert (answer.status, await answer.json()) == (200, {"accepted": 1, "refused": []})
    [record] = await raw.records()
    found = headers(record)
    assert (record.value, found["kind"], found["auth"][:11]) == (body, "send_response", "bearer;key=")
    del query["raw"]
    assert json.loads(found["facts"]) == query


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("raw=1", b'{"error": {"code": 131030, "message": "no +491510000042"}}', "nothing_usable"),
        ("raw=1", b"", "nothing_usable"),
        ("raw=1&campain=x", b'{"messages": [{"id": "wamid.9"}]}', "bad_parameter"),
        ("raw=maybe", b'{"messages": [{"id": "wamid.9"}]}', "bad_parameter"),
    ],
)
async def test_a_body_that_is_no_answer_to_an_accepted_send_is_400(
    query: str, body: bytes, code: str, shared_edge: EdgeProcess, http: ClientSession, raw: RawTopic
) -> None:
    async with http.post(f"{shared_edge.url}/sent/meta?{query}", data=body, headers=TOKEN) as answer:
        report = await answer.json()
    assert (answer.status, report["error"]) == (400, code)
    assert "491510000042" not in str(report)
    assert await raw.records() == []


def test_the_report_of_a_body_with_many_wrong_lines_stays_small() -> None:
    sent = read_records(b"1\n" * (REFUSED_SHOWN + 5) + b'{"message_id":"a"}')
    report = sent.report()
    assert (report["accepted"], len(report["refused"]), report["refused_more"]) == (1, REFUSED_SHOWN, 5)
    assert json.loads(sent.value) == {"message_id": "a"}
