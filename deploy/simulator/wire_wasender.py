"""Bodies of WasenderApi: one event per body, statuses as numbers or names, data as objects or arrays."""

import json
from collections.abc import Iterator

from deploy.simulator.facts import SECOND, Account, Fact, Request
from schemas.parsing.json_types import Json, JsonObject

_STATUS_NUMBERS = {"failed": 0, "pending": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}
_RECEIPTS = {"delivered": "receiptTimestamp", "read": "readTimestamp", "played": "playedTimestamp"}
_MEDIA = {
    "image": ("imageMessage", "image/jpeg"), "audio": ("audioMessage", "audio/ogg"),
    "video": ("videoMessage", "video/mp4"), "document": ("documentMessage", "application/pdf"),
    "sticker": ("stickerMessage", "image/webp"),
}  # fmt: skip


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body per fact; reads at one moment in one chat are one array."""
    bursts: dict[int, list[Fact]] = {}
    for fact in facts:
        if fact.details.get("burst") and fact.status == "read":
            bursts.setdefault(fact.details["burst"], []).append(fact)
        else:
            yield signed(account, [fact], event(fact))
    for together in bursts.values():
        yield signed(account, together, _update_array(together))


def signed(account: Account, facts: list[Fact], content: JsonObject) -> Request:
    """A POST of `content`. The body contains the session's credential, as WasenderApi's bodies do."""
    body = {**facts[0].details.get("extra", {}), **content, "sessionId": "sk-demo-session-fictional"}
    return posted(account, json.dumps(body, ensure_ascii=False).encode(), facts[0].arrival, tuple(facts))


def posted(account: Account, body: bytes, arrival: int, facts: tuple[Fact, ...] = ()) -> Request:
    """A POST of these bytes with WasenderApi's header, which is the secret itself."""
    headers = [("Content-Type", "application/json")]
    if secret := account.secret_at(arrival):
        headers.append(("X-Webhook-Signature", secret))
    return Request(f"/webhooks/{account.source}", body, tuple(headers), arrival, facts=facts)


def event(fact: Fact) -> JsonObject:
    """The body of one fact, in the format of its event name."""
    if fact.kind == "inbound":
        return _reaction(fact) if fact.details["provider_type"] == "reaction" else _received(fact)
    if fact.kind == "sent":
        return _echo(fact)
    if fact.status == "deleted":
        return {"event": "messages.delete", "timestamp": fact.at, "data": {"keys": [key(fact, ours=True)]}}
    if fact.participant:
        return _receipt(fact)
    return _update_array([fact]) if fact.details["form"] == 1 else _update(fact)


def jid(fact: Fact) -> str:
    """The chat, as this body spells it."""
    details, who = fact.details, fact.details["who"]
    if details.get("group"):
        return details["group"]
    return f"{who.lid}@lid" if details.get("by_lid") else f"{details.get('spelled', who.digits)}@s.whatsapp.net"


def key(fact: Fact, *, ours: bool) -> JsonObject:
    """Baileys' key of a message."""
    return {"remoteJid": jid(fact), "id": fact.message_id, "fromMe": ours}


def _update(fact: Fact) -> JsonObject:
    """The documented form: an object and a number; some with the name that the SDKs use."""
    at, form = fact.at or 0, fact.details["form"]
    status: str | int = _STATUS_NUMBERS.get(fact.status, fact.status) if form == 0 else fact.status
    when = at // SECOND if at % SECOND == 0 and form == 2 else at
    data = {"update": {"status": status}, "key": key(fact, ours=not fact.own)}
    return {"event": "messages.update", "timestamp": when, "data": data}


def _update_array(facts: list[Fact]) -> JsonObject:
    """The SDKs' form: an array with status names, all of one moment."""
    data = [{"key": key(fact, ours=not fact.own), "update": {"status": fact.status}} for fact in facts]
    return {"event": "messages.update", "timestamp": facts[0].at, "data": data}


def _receipt(fact: Fact) -> JsonObject:
    """A status of one member of a group, reported by one of their devices."""
    details, who, at = fact.details, fact.details["who"], (fact.at or 0) // SECOND
    device = f":{1 + at % 20}" if at % 2 else ""
    member = f"{who.lid}{device}@lid" if details["member_by_lid"] else f"{who.digits}{device}@s.whatsapp.net"
    message_key = {**key(fact, ours=True), "participant": member}
    if details["form"] == 2:
        data: Json = [{"key": message_key, "receipt": {"userJid": member, "status": fact.status, "t": at}}]
    else:
        data = {"message": {"key": message_key, "receipt": {"userJid": member, _RECEIPTS[fact.status]: at}}}
    return {"event": "message-receipt.update", "timestamp": fact.arrival, "data": data}


def _received(fact: Fact) -> JsonObject:
    details, who, at = fact.details, fact.details["who"], (fact.at or 0) // SECOND
    message_key = key(fact, ours=False)
    if details.get("group"):
        message_key |= {"participant": f"{who.digits}@s.whatsapp.net", "cleanedParticipantPn": who.digits}
    elif details["by_lid"]:
        message_key |= {
            "addressingMode": "lid", "senderPn": f"{who.digits}@s.whatsapp.net", "cleanedSenderPn": who.digits,
            "senderLid": f"{who.lid}@lid",
        }  # fmt: skip
    message: JsonObject = {"key": message_key, "message": content(fact), "pushName": who.name}
    if details["event"] != "messages.upsert":
        data = {"messages": {**message, "messageBody": details["text"]}}
        return {"event": details["event"], "timestamp": at, "data": data}
    message["messageTimestamp"] = {"low": at, "high": 0, "unsigned": True} if details["form"] == 2 else at
    return {"event": "messages.upsert", "timestamp": fact.arrival, "data": {"messages": [message]}}


def content(fact: Fact) -> JsonObject:
    """`message` with the content keys of Baileys."""
    details, kind = fact.details, fact.details["provider_type"]
    if kind in _MEDIA:
        name, mime = _MEDIA[kind]
        part = {"url": f"https://mmg.whatsapp.net/d/{fact.at}", "mimetype": mime, "mediaKey": "aW52ZW50ZWQ="}
        return {name: part if kind in ("audio", "sticker") else {**part, "caption": details["text"]}}
    if kind == "location":
        return {"locationMessage": {"degreesLatitude": -23.5505, "degreesLongitude": -46.6333, "name": "Loja"}}
    if kind == "contacts":
        return {"contactMessage": {"displayName": details["who"].name, "vcard": "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD"}}
    if details.get("form") == 1:
        return {"extendedTextMessage": {"text": details["text"]}}
    return {"conversation": details["text"]}


def _reaction(fact: Fact) -> JsonObject:
    """An emoji on a message of ours; an empty one removes the last one."""
    target = {"remoteJid": jid(fact), "id": fact.details["target"], "fromMe": True}
    reaction = {"text": fact.details["emoji"], "key": key(fact, ours=False), "senderTimestampMs": fact.at}
    data = [{"key": target, "reaction": reaction}]
    return {"event": "messages.reaction", "timestamp": fact.arrival, "data": data}


def _echo(fact: Fact) -> JsonObject:
    details, at = fact.details, (fact.at or 0) // SECOND
    message: JsonObject = {
        "key": key(fact, ours=True),
        "message": {"conversation": details["text"]},
        "messageTimestamp": at,
    }
    if details["echo_form"] == 0:
        return {"event": "message.sent", "timestamp": at, "data": message}
    return {"event": "messages.upsert", "timestamp": fact.arrival, "data": {"messages": [message]}}
