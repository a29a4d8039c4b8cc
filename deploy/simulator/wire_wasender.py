"""WasenderApi as it is on the wire: one event a body, numbers or words, objects or arrays. Pure."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.simulator.facts import SECOND, Account, Fact, Request

_NUMBERS = {"failed": 0, "pending": 1, "sent": 2, "delivered": 3, "read": 4, "played": 5}
_RECEIPTS = {"delivered": "receiptTimestamp", "read": "readTimestamp", "played": "playedTimestamp"}
_MEDIA = {
    "image": ("imageMessage", "image/jpeg"), "audio": ("audioMessage", "audio/ogg"),
    "video": ("videoMessage", "video/mp4"), "document": ("documentMessage", "application/pdf"),
    "sticker": ("stickerMessage", "image/webp"),
}  # fmt: skip


def requests(facts: list[Fact], account: Account) -> Iterator[Request]:
    """One body a fact; reads that happened at one moment in one chat come as one array."""
    bursts: dict[int, list[Fact]] = {}
    for fact in facts:
        if fact.told.get("burst") and fact.status == "read":
            bursts.setdefault(fact.told["burst"], []).append(fact)
        else:
            yield signed(account, [fact], event(fact))
    for together in bursts.values():
        yield signed(account, together, _update_array(together))


def signed(account: Account, facts: list[Fact], content: dict[str, Any]) -> Request:
    """A POST with WasenderApi's header, which is the secret itself. Bodies name the session by its credential."""
    body = {**facts[0].told.get("extra", {}), **content, "sessionId": "sk-demo-session-fictional"}
    return posted(account, json.dumps(body, ensure_ascii=False).encode(), facts[0].arrival, facts=tuple(facts))


def posted(account: Account, body: bytes, arrival: int, **more: Any) -> Request:
    """A POST of these bytes with the source's header."""
    headers = [("Content-Type", "application/json")]
    if secret := account.secret_at(arrival):
        headers.append(("X-Webhook-Signature", secret))
    return Request(f"/webhooks/{account.source}", body, tuple(headers), arrival, **more)


def event(fact: Fact) -> dict[str, Any]:
    """The body of one fact, in the shape that its event name has."""
    if fact.kind == "inbound":
        return _reaction(fact) if fact.told["word"] == "reaction" else _received(fact)
    if fact.kind == "sent":
        return _echo(fact)
    if fact.status == "deleted":
        return {"event": "messages.delete", "timestamp": fact.at, "data": {"keys": [key(fact, ours=True)]}}
    if fact.participant:
        return _receipt(fact)
    return _update_array([fact]) if fact.told["form"] == 1 else _update(fact)


def jid(fact: Fact) -> str:
    """The chat, as this fact happens to spell it."""
    told, who = fact.told, fact.told["who"]
    if told.get("group"):
        return str(told["group"])
    return f"{who.lid}@lid" if told.get("by_lid") else f"{told.get('spelled', who.digits)}@s.whatsapp.net"


def key(fact: Fact, *, ours: bool) -> dict[str, Any]:
    """Baileys' name of a message."""
    return {"remoteJid": jid(fact), "id": fact.message_id, "fromMe": ours}


def _update(fact: Fact) -> dict[str, Any]:
    """The documented form: an object and a number; the SDKs' words in some."""
    at = fact.at or 0
    word: Any = _NUMBERS.get(fact.status, fact.status) if fact.told["form"] == 0 else fact.status
    when = at // SECOND if at % SECOND == 0 and fact.told["form"] == 2 else at
    data = {"update": {"status": word}, "key": key(fact, ours=not fact.own)}
    return {"event": "messages.update", "timestamp": when, "data": data}


def _update_array(facts: list[Fact]) -> dict[str, Any]:
    """The SDKs' form: an array and words, all of one moment."""
    data = [{"key": key(fact, ours=not fact.own), "update": {"status": fact.status}} for fact in facts]
    return {"event": "messages.update", "timestamp": facts[0].at, "data": data}


def _receipt(fact: Fact) -> dict[str, Any]:
    """What one member of a group did, told of one of their devices."""
    told, who, at = fact.told, fact.told["who"], (fact.at or 0) // SECOND
    device = f":{1 + at % 20}" if at % 2 else ""
    member = f"{who.lid}{device}@lid" if told["member_by_lid"] else f"{who.digits}{device}@s.whatsapp.net"
    named = {**key(fact, ours=True), "participant": member}
    if told["form"] == 2:
        data: Any = [{"key": named, "receipt": {"userJid": member, "status": fact.status, "t": at}}]
    else:
        data = {"message": {"key": named, "receipt": {"userJid": member, _RECEIPTS[fact.status]: at}}}
    return {"event": "message-receipt.update", "timestamp": fact.arrival, "data": data}


def _received(fact: Fact) -> dict[str, Any]:
    told, who, at = fact.told, fact.told["who"], (fact.at or 0) // SECOND
    named = key(fact, ours=False)
    if told.get("group"):
        named |= {"participant": f"{who.digits}@s.whatsapp.net", "cleanedParticipantPn": who.digits}
    elif told["by_lid"]:
        named |= {
            "addressingMode": "lid", "senderPn": f"{who.digits}@s.whatsapp.net", "cleanedSenderPn": who.digits,
            "senderLid": f"{who.lid}@lid",
        }  # fmt: skip
    said: dict[str, Any] = {"key": named, "message": content(fact), "pushName": who.name}
    if told["event"] != "messages.upsert":
        return {"event": told["event"], "timestamp": at, "data": {"messages": {**said, "messageBody": told["text"]}}}
    said["messageTimestamp"] = {"low": at, "high": 0, "unsigned": True} if told["form"] == 2 else at
    return {"event": "messages.upsert", "timestamp": fact.arrival, "data": {"messages": [said]}}


def content(fact: Fact) -> dict[str, Any]:
    """`message` with the content keys of Baileys."""
    told, word = fact.told, fact.told["word"]
    if word in _MEDIA:
        name, mime = _MEDIA[word]
        part = {"url": f"https://mmg.whatsapp.net/d/{fact.at}", "mimetype": mime, "mediaKey": "aW52ZW50ZWQ="}
        return {name: part if word in ("audio", "sticker") else {**part, "caption": told["text"]}}
    if word == "location":
        return {"locationMessage": {"degreesLatitude": -23.5505, "degreesLongitude": -46.6333, "name": "Loja"}}
    if word == "contacts":
        return {"contactMessage": {"displayName": told["who"].name, "vcard": "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD"}}
    if told.get("form") == 1:
        return {"extendedTextMessage": {"text": told["text"]}}
    return {"conversation": told["text"]}


def _reaction(fact: Fact) -> dict[str, Any]:
    """An emoji on a message of ours; an empty one takes the last one back."""
    target = {"remoteJid": jid(fact), "id": fact.told["target"], "fromMe": True}
    reaction = {"text": fact.told["emoji"], "key": key(fact, ours=False), "senderTimestampMs": fact.at}
    data = [{"key": target, "reaction": reaction}]
    return {"event": "messages.reaction", "timestamp": fact.arrival, "data": data}


def _echo(fact: Fact) -> dict[str, Any]:
    told, at = fact.told, (fact.at or 0) // SECOND
    said: dict[str, Any] = {
        "key": key(fact, ours=True),
        "message": {"conversation": told["text"]},
        "messageTimestamp": at,
    }
    if told["echo_form"] == 0:
        return {"event": "message.sent", "timestamp": at, "data": said}
    return {"event": "messages.upsert", "timestamp": fact.arrival, "data": {"messages": [said]}}
