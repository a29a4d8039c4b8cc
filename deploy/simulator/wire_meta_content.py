"""Messages in the bodies of Meta's Cloud API, type by type."""

from base64 import b64encode
from hashlib import sha256

from deploy.simulator.facts import SECOND, Fact
from schemas.parsing.json_types import Json, JsonObject

_MIME = {
    "image": "image/jpeg", "audio": "audio/ogg; codecs=opus", "video": "video/mp4", "document": "application/pdf",
    "sticker": "image/webp",
}  # fmt: skip


def message(fact: Fact) -> JsonObject:
    """One element of `messages[]`: of any type, or the deletion of an earlier one."""
    details, who = fact.details, fact.details["who"]
    assert fact.at is not None  # noqa: S101  (Meta's messages always have a time)
    element: JsonObject = {"id": fact.message_id, "timestamp": str(fact.at // SECOND), "from_user_id": who.bsuid}
    element |= details.get("extra", {})
    if not details.get("anonymous"):  # a user with a username may have no phone in the body
        element["from"] = who.digits
    if fact.status == "deleted":
        own_id = sha256(fact.message_id.encode()).hexdigest()[:24]
        return {
            **element, "id": f"wamid.{own_id}", "type": "revoke", "revoke": {"original_message_id": fact.message_id},
        }  # fmt: skip
    kind = details["provider_type"] if "provider_type" in details else details["type"]
    if kind == "unsupported":
        return {**element, "type": "unsupported", "errors": [{"code": 131051, "title": "Message type unknown"}]}
    return {**element, "type": kind, kind: _part(kind, fact)}


def _part(kind: str, fact: Fact) -> Json:
    details, text = fact.details, fact.details["text"]
    if kind in _MIME:
        digest = b64encode(sha256(fact.message_id.encode()).digest()).decode()
        media = {"id": str(fact.at), "mime_type": _MIME[kind], "sha256": digest}
        return media if kind in ("audio", "sticker") else {**media, "caption": text}
    match kind:
        case "text":
            return {"body": text}
        case "location":
            return {"latitude": -23.5505, "longitude": -46.6333, "name": "Loja", "address": "Rua Inventada 1"}
        case "contacts":
            name = {"formatted_name": details["who"].name, "first_name": details["who"].name}
            return [{"name": name, "phones": [{"phone": "+12025550123", "type": "CELL"}]}]
        case "reaction":
            return {"message_id": details["target"], "emoji": details["emoji"]}
        case "button":
            return {"payload": "STOP", "text": text}
        case "interactive":
            return {"type": "list_reply", "list_reply": {"id": "row-2", "title": text, "description": "…"}}
        case "order":
            item = {"product_retailer_id": "sku-1", "quantity": 2, "item_price": 9.9, "currency": "BRL"}
            return {"catalog_id": "555", "text": text, "product_items": [item]}
        case "edit":
            new = {"type": "text", "text": {"body": text}}
            return {"original_message_id": details["target"], "message": new}
        case _:
            return {"depth": 3}  # a type that no version knows yet
