"""Evolution API: facts that its examples do not contain."""

import json

from schemas.providers.registry import built_in
from tests.support.examples import events_of, example_body


def test_every_way_of_naming_a_message_gives_one_event() -> None:
    """send.message and messages.upsert, of an instance's webhook and of the global one, are the same sent record."""
    bodies = [example_body("evolution/send_message"), example_body("evolution/own_message_upsert")]
    bodies.append({**bodies[0], "destination": "https://other.example", "date_time": "2026-11-20T12:00:09.000Z"})
    assert len({events_of("evolution", body)[0]["event_id"] for body in bodies}) == 1


def test_the_clock_of_the_host_is_not_a_provider_time() -> None:
    data = {"keyId": "3EB0", "fromMe": True, "status": "READ"}
    body = {"event": "messages.update", "date_time": "2026-11-20T09:00:01.500Z", "data": data}
    assert "occurred_at" not in events_of("evolution", body)[0]


def test_its_token_does_not_cover_the_body() -> None:
    assert built_in()["evolution"].signed is False
    assert built_in()["evolution"].proof_headers == ()


def test_a_megabyte_of_media_beside_a_message_stays_out_of_its_event() -> None:
    message = {"imageMessage": {"caption": "oi"}, "base64": "A" * 1_000_000}
    key = {"id": "3EB0", "remoteJid": "5511911112222@s.whatsapp.net"}
    data = {"key": key, "messageTimestamp": 1795176000, "message": message}
    (event,) = events_of("evolution", {"event": "messages.upsert", "data": data})
    assert event["type"] == "image"
    assert len(json.dumps(event)) < 2_000
