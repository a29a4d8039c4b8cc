"""A status whose word is empty is a status that nobody knows: an event, not a dead letter."""

import json
from typing import Any

import pytest

from schemas.providers.registry import built_in
from tests.support.examples import normalised

_KEY = {"remoteJid": "5511955554444@s.whatsapp.net", "fromMe": True, "id": "M1"}
_META = {
    "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": [{"id": "M1", "status": ""}]}}]}]
}
BODIES: dict[str, Any] = {
    "meta": _META,
    "360dialog": _META,
    "gupshup": {"app": "a", "type": "message-event", "payload": {"gsId": "M1", "type": ""}},
    "infobip": {"results": [{"messageId": "M1", "status": {"groupName": "", "name": ""}, "sentAt": "2026-11-20"}]},
    "green-api": {"typeWebhook": "outgoingMessageStatus", "idMessage": "M1", "status": " "},
    "z-api": {"type": "MessageStatusCallback", "ids": ["M1"], "status": ""},
    "waha": {"event": "message.ack", "session": "s", "payload": {"id": "true_5511955554444@c.us_M1", "ackName": ""}},
    "evolution": {"event": "messages.update", "instance": "i", "data": {**_KEY, "keyId": "M1", "status": ""}},
    "wasender": {"event": "messages.update", "data": [{"key": _KEY, "update": {"status": ""}}]},
    "zapini": {"event": "message.status", "data": {"message_id": "M1", "status": ""}},
    "standard-webhooks": {"type": "message.status", "data": {"message_id": "M1", "status": ""}},
}
# Twilio posts forms; a mapping of `generic` has its own paths.
OTHERS = {"twilio": b"MessageSid=M1&MessageStatus=&To=whatsapp%3A%2B5511955554444"}


def test_every_provider_has_a_body() -> None:
    assert BODIES.keys() | OTHERS.keys() == built_in().keys() - {"generic"}


@pytest.mark.parametrize("provider", sorted(BODIES.keys() | OTHERS.keys()))
def test_an_empty_word_is_an_unknown_status(provider: str) -> None:
    body = OTHERS.get(provider) or json.dumps(BODIES[provider]).encode()
    events, dead = normalised(provider, body)
    assert dead == []
    assert [(event["kind"], event["message_id"], event["status"]) for event in events] == [("status", "M1", "unknown")]
    assert "raw_status" not in events[0]
