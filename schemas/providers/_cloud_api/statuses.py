"""Cloud API `statuses[]`: what became of an outbound message, for each participant in a group. Pure."""

from typing import Any

from schemas.parsing.identity import group_member, phone_or_id
from schemas.parsing.json_values import as_id, as_object
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.change import Change, error_facts, party
from schemas.reasons import Reason

WORDS = frozenset({"pending", "sent", "delivered", "read", "played", "failed", "deleted"})


def read_status(raw: Any, change: Change) -> Parsed | Rejected:
    """One status. Those of calls and payments are not a message's and become system events."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a status is not an object", raw)
    word = as_id(raw.get("status"))
    if word is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no status word", raw)
    about = raw.get("type")
    if change.field == "calls" or (isinstance(about, str) and about not in ("", "message")):
        return foreign_status(raw, change, as_id(about) or change.field, word)
    message_id = as_id(raw.get("id"))
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no message id", raw)
    fields: dict[str, Any] = {
        "account": change.account,
        "message_id": message_id,
        "occurred_at": parse_time(raw.get("timestamp")),
        "from": change.business,
        "callback_data": raw.get("biz_opaque_callback_data"),
    }
    fields.update(status_word(word))
    if raw.get("recipient_type") == "group":
        fields.update(_group(raw))
    else:
        fields["to"] = party(change, raw.get("recipient_id"), raw.get("recipient_user_id"))[0]
    if "pricing" in raw:
        pricing = as_object(raw["pricing"])
        fields["pricing_category"] = as_id(pricing.get("category"))
        fields["pricing_type"] = as_id(pricing.get("type"))
        fields["billable"] = pricing.get("billable")
    if "conversation" in raw:
        fields["conversation_id"] = as_id(as_object(raw["conversation"]).get("id"))
    if "errors" in raw:
        fields.update(error_facts(raw["errors"]))
    return Parsed("status", fields)


def status_word(word: str) -> dict[str, Any]:
    """`status`, and `raw_status` when we do not know the word."""
    known = word.lower()
    return {"status": known} if known in WORDS else {"status": "unknown", "raw_status": word}


def foreign_status(raw: dict[str, Any], change: Change, event: str, word: str) -> Parsed:
    """The status of a call or a payment: its ids are of another kind and never tie to a message."""
    facts = {
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")),
        "event": "calls" if event == "call" else event,
        "raw_state": word,
        "state": "unknown",
        **error_facts(raw.get("errors")),
    }
    return Parsed("system", facts, change.element(raw))


def _group(raw: dict[str, Any]) -> dict[str, Any]:
    group = as_id(raw.get("recipient_id"))
    one = group_member(raw.get("recipient_participant_id"), raw.get("recipient_participant_user_id"))
    return {"to": phone_or_id(group), "chat_id": group, "is_group": True, "participant": one}
