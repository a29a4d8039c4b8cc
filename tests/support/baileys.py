"""One Baileys message in the webhooks of every API that passes such messages on, in both spellings. No tests."""

import re
from typing import Any

OWN, ANA, GROUP = "5511900001111", "5511955556666", "120363041234567890@g.us"
CHAT = f"{ANA}@s.whatsapp.net"
SECONDS = 1_795_176_000


def in_go(value: Any) -> Any:
    """The value with the names of its fields in the spelling of an engine in Go."""
    if isinstance(value, dict):
        names = (
            (re.sub("(Id|Jid|Url|Json|Sha256|Iv|^id|^url)$", lambda end: end[0].upper(), name), name) for name in value
        )
        return {go: in_go(value[name]) for go, name in names}
    return [in_go(item) for item in value] if isinstance(value, list) else value


def webhooks(
    message: Any, mine: bool = False, group: bool = False, message_id: str = "3EB0AA"
) -> list[tuple[str, Any]]:
    """(provider, body): the message by Evolution API, WasenderApi, and WAHA with either engine."""
    chat = GROUP if group else CHAT
    sender = f"{OWN}@s.whatsapp.net" if mine else CHAT
    key = {"remoteJid": chat, "fromMe": mine, "id": message_id, **({"participant": sender} if group else {})}
    item = {"key": key, "message": message, "messageTimestamp": SECONDS, "pushName": "Bia"}
    info = {"Chat": chat, "Sender": sender, "IsFromMe": mine, "IsGroup": group, "ID": message_id, "PushName": "Bia"}
    return [
        ("evolution", {"event": "messages.upsert", "instance": "padaria", "data": item}),
        ("wasender", {"event": "messages.upsert", "timestamp": SECONDS, "data": {"messages": [item]}}),
        ("waha", _waha(key, item)),
        ("waha", _waha(key, {"Info": info, "Message": in_go(message)})),
    ]


def _waha(key: dict[str, Any], data: Any) -> Any:
    composite = "_".join([str(key["fromMe"]).lower(), key["remoteJid"], key["id"]])
    payload = {
        "id": composite, "timestamp": SECONDS, "from": key["remoteJid"], "fromMe": key["fromMe"], "body": "",
        "participant": key.get("participant"), "ackName": "SERVER", "_data": data,
    }  # fmt: skip
    return {"event": "message.any", "timestamp": SECONDS * 1000, "session": "padaria", "payload": payload}
