"""Bodies of Evolution API: messages in Baileys' format under the name of an instance, flat status updates."""

import json
from collections.abc import Iterator

from deploy.simulator.facts import SECOND, Account, Fact, Request, with_bearer
from deploy.simulator.wire_wasender import content, jid, key
from schemas.parsing.json_types import JsonObject

_STATUS_WORDS = {
    "pending": "PENDING", "sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "played": "PLAYED",
    "failed": "ERROR",
}  # fmt: skip


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body per fact."""
    for fact in facts:
        body = json.dumps(event(fact), ensure_ascii=False).encode()
        yield with_bearer(account, body, fact.arrival, (fact,))


def event(fact: Fact) -> JsonObject:
    """The body of one fact."""
    details, at = fact.details, (fact.at or 0) // SECOND
    if fact.kind == "status":
        name, data = "messages.update", _update(fact)
    else:
        name = "send.message" if fact.kind == "sent" and details["echo_form"] == 0 else "messages.upsert"
        data = {**_message(fact), "messageTimestamp": at}
    return {
        **details.get("extra", {}),
        "event": name,
        "instance": details["account"],
        "data": data,
        "sender": "447700900991@s.whatsapp.net",
        "date_time": "2026-11-20T10:00:00.000Z",
        "apikey": None,
    }


def _update(fact: Fact) -> JsonObject:
    """A status in the form of version 2 or of version 1."""
    id_field = "keyId" if fact.details["form"] else "id"
    return {
        id_field: fact.message_id,
        "remoteJid": jid(fact),
        "fromMe": True,
        "datetime": (fact.at or 0) // SECOND,
        "status": _STATUS_WORDS.get(fact.status, fact.status),
        "instanceId": "c0ffee00-0000-4000-8000-000000000001",
    }


def _message(fact: Fact) -> JsonObject:
    details, who = fact.details, fact.details["who"]
    if fact.kind == "sent":
        return {"key": key(fact, ours=True), "message": {"conversation": details["text"]}, "status": "SERVER_ACK"}
    message_key = key(fact, ours=False)
    if details.get("group"):
        message_key |= {"participant": f"{who.digits}@s.whatsapp.net"}
    elif details["by_lid"]:
        message_key |= {"remoteJidAlt": f"{who.digits}@s.whatsapp.net", "addressingMode": "lid"}
    return {"key": message_key, "pushName": who.name, "message": content(fact)}
