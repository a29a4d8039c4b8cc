"""Evolution API: what its examples do not hold."""

import json
from typing import Any

from schemas.normalisation.raw_topic import normalise
from schemas.providers.registry import built_in
from tests.support.examples import load_cases

HEADERS = {"source": "shop", "provider": "evolution", "received_at": "2026-11-20T12:01:40.000Z", "request_id": "r1"}


def events(body: Any) -> list[dict[str, Any]]:
    return [event.fields for event in normalise(HEADERS, json.dumps(body).encode(), {})[0]]


def test_every_way_of_naming_a_message_is_one_event() -> None:
    """send.message and messages.upsert, local and global webhook, are the same sent record."""
    cases = dict(load_cases("evolution"))
    bodies = [cases["evolution/send_message"]["body"], cases["evolution/own_message_upsert"]["body"]]
    bodies.append({**bodies[0], "destination": "https://other.example", "date_time": "2026-11-20T12:00:09.000Z"})
    assert len({events(body)[0]["event_id"] for body in bodies}) == 1


def test_the_clock_of_its_host_is_no_time() -> None:
    body = {"event": "messages.update", "date_time": "2026-11-20T09:00:01.500Z"}
    body["data"] = {"keyId": "3EB0", "fromMe": True, "status": "READ"}
    assert "occurred_at" not in events(body)[0]


def test_it_says_that_its_token_does_not_cover_the_body() -> None:
    assert built_in()["evolution"].signed is False
    assert built_in()["evolution"].proof_headers == ()


def test_a_megabyte_beside_a_message_does_not_get_into_its_event() -> None:
    data = {"key": {"id": "3EB0", "remoteJid": "5511911112222@s.whatsapp.net"}, "messageTimestamp": 1795176000}
    data["message"] = {"imageMessage": {"caption": "oi"}, "base64": "A" * 1_000_000}
    (event,) = events({"event": "messages.upsert", "data": data})
    assert event["type"] == "image"
    assert len(json.dumps(event)) < 2_000
