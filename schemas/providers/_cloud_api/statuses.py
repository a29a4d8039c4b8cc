"""Cloud API `statuses[]`: the status of an outbound message, in a group one for each participant."""

from schemas.parsing.identity import group_member, phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_object
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.change import Change, address_and_contact, error_fields
from schemas.providers._fields import KNOWN_STATUSES, status_word
from schemas.reasons import Reason

# Meta's pages and SDKs disagree about the names of the participant's phone number and business-scoped id.
_SPELLINGS = (
    "recipient_participant_id", "participant_recipient_id", "recipient_participant_user_id",
    "participant_recipient_user_id",
)  # fmt: skip
_PARTICIPANTS = frozenset(_SPELLINGS)


def read_status(raw: Json, change: Change) -> Parsed | Rejected:
    """One status. Statuses of calls and payments are not about a message and become system events."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "a status is not an object", raw)
    word = status_word(raw, "status")
    if word is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no status word", raw)
    about = raw.get("type")
    if change.field == "calls" or (isinstance(about, str) and about not in ("", "message")):
        return _foreign_status(raw, change, as_id(about) or change.field, word)
    message_id = as_id(raw.get("id"))
    if message_id is None:
        return Rejected(Reason.BAD_ELEMENT, "a status has no message id", raw)
    fields: Fields = {
        "account": change.account,
        "message_id": message_id,
        "occurred_at": parse_time(raw.get("timestamp")),
        "from": change.business,
        "callback_data": raw.get("biz_opaque_callback_data"),
    }
    fields.update(stated_status(word))
    if raw.get("recipient_type") == "group" or not _PARTICIPANTS.isdisjoint(raw):
        fields.update(_group(raw))
    else:
        fields["to"] = address_and_contact(change, raw.get("recipient_id"), raw.get("recipient_user_id"))[0]
    conversation = as_object(raw.get("conversation"))
    pricing = as_object(raw.get("pricing") or conversation.get("pricing"))  # of groups inside the conversation
    if pricing:
        fields["pricing_category"] = as_id(pricing.get("category"))
        fields["pricing_type"] = as_id(pricing.get("type"))
        fields["billable"] = pricing.get("billable")
    if conversation:
        fields["conversation_id"] = as_id(conversation.get("id"))
    if "errors" in raw:
        fields.update(error_fields(raw["errors"]))
    return Parsed("status", fields)


def stated_status(word: str) -> Fields:
    """`status` of a word that is spelled as ours, in any case; `raw_status` of any other."""
    known = word.lower()
    return {"status": known} if known in KNOWN_STATUSES else {"status": "unknown", "raw_status": word}


def _foreign_status(raw: JsonObject, change: Change, event: str, word: str) -> Parsed:
    """The status of a call or a payment: its ids are not message ids."""
    fields = {
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")),
        "from": change.business,
        "to": address_and_contact(change, raw.get("recipient_id"), raw.get("recipient_user_id"))[0],
        "event": "calls" if event == "call" else event,
        "raw_state": word,
        "state": "unknown",
        **error_fields(raw.get("errors")),
    }
    return Parsed("system", fields, change.element(raw))


def _group(raw: JsonObject) -> Fields:
    group = as_id(raw.get("recipient_id"))
    participant = group_member(*(raw.get(name) for name in _SPELLINGS))
    return {"to": phone_or_id(group), "chat_id": group, "is_group": True, "participant": participant}
