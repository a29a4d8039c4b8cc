"""System events about a person say who: opt-outs, opt-ins, changed numbers and ids, calls; and who sent a message."""

from typing import Any

import pytest

from tests.support.examples import events_of

PHONE, NEW, LID, BSUID, NEW_BSUID = "+5511955554444", "+5511955550000", "99887766@lid", "BR.15025", "BR.77001"
DIGITS, OWN = PHONE[1:], "5511900001111"
JID = f"{DIGITS}@s.whatsapp.net"


def change(field: str, **value: Any) -> Any:
    metadata = {"display_phone_number": OWN, "phone_number_id": "70"}
    return {"entry": [{"id": "1", "changes": [{"field": field, "value": {"metadata": metadata, **value}}]}]}


def preference(**who: str) -> Any:
    return {"category": "marketing_messages", "value": "stop", "timestamp": 1795176000, **who}


def system(kind: str, message: dict[str, str], **notice: str) -> Any:
    told = {"id": "wamid.S", "timestamp": "1795176000", "type": "system", "system": {"type": kind, **notice}}
    return change("messages", messages=[{**message, **told}])


def contact(**known: str) -> Any:
    return [{"profile": {"name": "Ana", "username": "ana.x"}, **known}]


def infobip(sender: str, **known: Any) -> Any:
    message = {"text": "oi", "type": "TEXT"}
    return {"results": [{"from": sender, "to": OWN, "messageId": "E1", "message": message, "contact": known}]}


def version_2(kind: str, **payload: str) -> Any:
    return {"app": "L", "timestamp": 1795176000549, "version": 2, "type": kind, "payload": payload}


def missed_call(stub: Any, *parameters: str) -> Any:
    key = {"id": "A", "fromMe": False, "remoteJid": JID}
    return {"key": key, "messageStubType": stub, "messageStubParameters": parameters, "messageTimestamp": 1795176000}


CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("meta", change("user_preferences", user_preferences=[preference(wa_id=DIGITS)]), {"from": PHONE}),
    (
        "meta",
        change(
            "user_preferences",
            user_preferences=[preference(user_id=BSUID)],
            contacts=contact(user_id=BSUID, wa_id=DIGITS),
        ),
        {"from": PHONE, "sender_bsuid": BSUID, "username": "ana.x"},
    ),
    (
        "360dialog",
        change("user_preferences", user_preferences=[preference(user_id=BSUID)]),
        {"from": BSUID, "sender_bsuid": BSUID},
    ),
    ("gupshup", change("user_preferences", user_preferences=[preference(wa_id=DIGITS)]), {"from": PHONE}),
    ("meta", system("user_changed_number", {"from": DIGITS}, wa_id=NEW[1:]), {"from": PHONE, "to": NEW}),
    ("meta", system("customer_changed_number", {"from": DIGITS}, new_wa_id=NEW[1:]), {"from": PHONE, "to": NEW}),
    ("360dialog", system("user_changed_number", {}, customer=DIGITS, wa_id=NEW[1:]), {"from": PHONE, "to": NEW}),
    (
        "meta",
        system("user_changed_user_id", {"from_user_id": BSUID}, user_id=NEW_BSUID),
        {"from": BSUID, "to": NEW_BSUID, "sender_bsuid": BSUID},
    ),
    (
        "meta",
        system("user_changed_user_id", {"from": DIGITS}, previous_user_id=BSUID, user_id=NEW_BSUID),
        {"from": PHONE, "to": NEW_BSUID, "sender_bsuid": BSUID},
    ),
    ("meta", system("customer_identity_changed", {"from": DIGITS}, customer=DIGITS), {"from": PHONE, "to": None}),
    (
        "meta",
        change("calls", calls=[{"id": "c", "event": "connect", "from": DIGITS, "from_user_id": BSUID, "to": OWN}]),
        {"from": PHONE, "to": "+" + OWN, "sender_bsuid": BSUID},
    ),
    (
        "meta",
        change("calls", statuses=[{"id": "c", "type": "call", "status": "RINGING", "recipient_id": DIGITS}]),
        {"from": "+" + OWN, "to": PHONE},
    ),
    ("gupshup", version_2("user-event", phone=DIGITS, type="opted-out"), {"from": PHONE, "raw_state": "opted-out"}),
    ("gupshup", version_2("user-event", userId=BSUID, type="opted-out"), {"from": BSUID, "sender_bsuid": BSUID}),
    ("gupshup", version_2("account-event", phone=DIGITS, type="x"), {"from": None}),
    (
        "infobip",
        infobip(DIGITS, userId=BSUID, username="ana.x"),
        {"from": PHONE, "sender_bsuid": BSUID, "username": "ana.x"},
    ),
    ("infobip", infobip(BSUID), {"from": BSUID, "sender_bsuid": BSUID}),
    ("infobip", infobip(BSUID, phoneNumber=DIGITS), {"from": PHONE, "sender_bsuid": BSUID}),
    ("infobip", infobip("", userId=BSUID), {"from": BSUID, "sender_bsuid": BSUID}),
    (
        "evolution",
        {"event": "call", "instance": "i", "data": {"id": "c", "from": LID, "callerPn": JID, "status": "offer"}},
        {"from": PHONE, "sender_lid": LID, "raw_state": "offer"},
    ),
    ("evolution", {"event": "call", "instance": "i", "data": [{"id": "c", "from": JID}]}, {"from": PHONE}),
    (
        "wasender",
        {"event": "call", "data": {"call": {"from": JID, "status": "offer"}}},
        {"from": PHONE, "raw_state": "offer"},
    ),
    (
        "wasender",
        {"event": "call.received", "data": [{"from": LID, "status": "offer"}]},
        {"from": LID, "sender_lid": LID},
    ),
    ("wasender", {"event": "messages.upsert", "data": missed_call(40)}, {"from": PHONE, "reason_code": "40"}),
    (
        "wasender",
        {"event": "messages.upsert", "data": missed_call("INDIVIDUAL_CHANGE_NUMBER", JID, f"{NEW[1:]}@s.whatsapp.net")},
        {"from": PHONE, "to": NEW},
    ),
    ("wasender", {"event": "messages.upsert", "data": missed_call(39)}, {"from": None}),
    (
        "waha",
        {"event": "call.received", "session": "s", "payload": {"id": "c", "from": f"{DIGITS}@c.us"}},
        {"from": PHONE},
    ),
    (
        "waha",
        {"event": "call.rejected", "session": "s", "payload": {"id": "c", "from": LID}},
        {"from": LID, "sender_lid": LID},
    ),
    ("green-api", {"typeWebhook": "incomingCall", "from": f"{DIGITS}@c.us", "status": "offer"}, {"from": PHONE}),
    ("green-api", {"typeWebhook": "incomingCall", "from": LID}, {"from": LID, "sender_lid": LID}),
    ("green-api", {"typeWebhook": "incomingBlock", "chatId": f"{DIGITS}@c.us"}, {"from": PHONE}),
    (
        "z-api",
        {"type": "ReceivedCallback", "notification": "CALL_MISSED_VOICE", "phone": DIGITS, "connectedPhone": OWN},
        {"from": PHONE, "to": "+" + OWN},
    ),
    (
        "z-api",
        {"type": "ReceivedCallback", "notification": "CHANGE_NUMBER", "phone": DIGITS, "notificationParameters": [NEW]},
        {"from": PHONE, "to": NEW},
    ),
    (
        "zapini",
        {"event": "contact.opted_out", "data": {"phone": PHONE, "user_id": BSUID}},
        {"from": PHONE, "sender_bsuid": BSUID},
    ),
    ("zapini", {"event": "call.received", "data": {"from": PHONE}}, {"from": PHONE}),
    ("zapini", {"event": "instance.connected", "data": {"phone": PHONE}}, {"from": None}),
    ("standard-webhooks", {"type": "contact.unsubscribed", "data": {"contact": {"phone": PHONE}}}, {"from": PHONE}),
    (
        "twilio",
        {"type": "com.twilio.voice.call.ringing", "data": {"from": f"whatsapp:{PHONE}", "to": f"whatsapp:+{OWN}"}},
        {"from": PHONE, "to": "+" + OWN},
    ),
]


@pytest.mark.parametrize(("provider", "body", "expected"), CASES)
def test_the_event_says_who(provider: str, body: Any, expected: dict[str, Any]) -> None:
    [event] = events_of(provider, body)
    assert event["kind"] == ("inbound" if provider == "infobip" else "system")
    assert {name: event.get(name) for name in expected} == expected
