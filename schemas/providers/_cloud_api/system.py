"""Cloud API notices about accounts, numbers, templates and people's preferences: system events."""

from schemas.parsing.identity import phone_or_id
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.parsing.times import parse_time
from schemas.providers._cloud_api.change import Change, error_fields, person_fields
from schemas.reasons import Reason

# Meta's word -> state, for words with one meaning only. A template is never `banned`: that state is for accounts, which
# have an alert of their own.
_ACCOUNT = {
    "ACCOUNT_RESTRICTION": "limited", "ACCOUNT_DELETED": "disconnected", "PARTNER_REMOVED": "disconnected",
    "PARTNER_ADDED": "connected", "VERIFIED_ACCOUNT": "ok", "DISABLED_UPDATE": "banned",
    "ACCOUNT_OFFBOARDED": "disconnected", "ACCOUNT_RECONNECTED": "connected",
    "DISABLE": "banned", "SCHEDULE_FOR_DISABLE": "limited", "REINSTATE": "ok",
}  # fmt: skip
_TEMPLATE = {
    "APPROVED": "ok", "REINSTATED": "ok",
    "PAUSED": "limited", "FLAGGED": "limited", "DISABLED": "limited", "REJECTED": "limited",
}  # fmt: skip
_QUALITY = {"GREEN": "ok", "RED": "limited"}
_NUMBER = {"FLAGGED": "limited", "DOWNGRADE": "limited", "UNFLAGGED": "ok", "UPGRADE": "ok"}
# Lists of people in a change of a group.
_PARTICIPANTS = ("added_participants", "removed_participants", "joined_participants", "left_participants")
_REVIEW = {"APPROVED": "ok", "REJECTED": "limited"}
_STATES = {
    "account_update": _ACCOUNT,
    "message_template_status_update": _TEMPLATE,
    "message_template_quality_update": _QUALITY,
    "phone_number_quality_update": _NUMBER,
    "account_review_update": _REVIEW,
}


def read_notice(change: Change, value: Json) -> Parsed:
    """One change of a field without messages; the field may be unknown to us."""
    facts = as_object(value)
    word = first_id(
        facts.get("event"),
        facts.get("decision"),
        facts.get("new_quality_score"),
        facts.get("new_category"),
        as_object(facts.get("alert_info")).get("alert_type"),
        facts.get("alert_type"),
        facts.get("type"),
    )
    # A DISABLED_UPDATE may announce, schedule or lift a ban; only ban_info states which.
    decisive = as_id(as_object(facts.get("ban_info")).get("waba_ban_state"))
    fields = {
        **_state_fields(change.field, word or decisive, decisive),
        "account": change.account,
        "occurred_at": change.occurred_at or parse_time(facts.get("timestamp")),
        "event": change.field,
        **_sender(facts, change),
        "reason_code": _reason(facts),
        **error_fields(facts.get("errors")),
    }
    return Parsed("system", fields, change.element(value))


def _sender(facts: JsonObject, change: Change) -> Fields:
    """The person of a handover, whose conversation goes to another app."""
    sender = facts.get("sender")
    if not isinstance(sender, dict):
        return {}
    return person_fields(change, first_id(sender.get("phone_number"), sender.get("wa_id")), sender.get("user_id"))


def _reason(facts: JsonObject) -> str | None:
    """The first reason in the notice, unchanged: it may be the word NONE."""
    restrictions = as_list(facts.get("restriction_info"))
    return first_id(
        facts.get("reason"),
        facts.get("rejection_reason"),
        as_object(facts.get("violation_info")).get("violation_type"),
        as_object(restrictions[0]).get("restriction_type") if restrictions else None,
    )


def read_item(raw: Json, change: Change) -> Parsed | Rejected:
    """One item of a list inside a notice: a user's preference or new id, a call, a change of a group."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "an item of a notice is not an object", raw)
    group = as_id(raw.get("group_id"))
    ids = raw.get("user_id")
    old_id, new_id = (ids.get("previous"), ids.get("current")) if isinstance(ids, dict) else (ids, None)
    fields = {
        **_state_fields(change.field, first_id(raw.get("value"), raw.get("event"), raw.get("status"), raw.get("type"))),
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")) or change.occurred_at,
        "event": change.field,
        **person_fields(
            change,
            first_id(raw.get("wa_id"), raw.get("from"), _only_participant(raw)),
            first_id(old_id, raw.get("from_user_id")),
        ),
        "to": phone_or_id(first_id(raw.get("to"), raw.get("to_user_id"), new_id)),
        "chat_id": group,
        "is_group": True if group is not None else None,
        "reason_code": first_id(raw.get("category"), raw.get("reason")),
        **error_fields(raw.get("errors")),
    }
    return Parsed("system", fields, change.element(raw))


def _only_participant(raw: JsonObject) -> Json:
    """Who joined or left a group; None when these are several."""
    named = [as_object(one) for name in _PARTICIPANTS for one in as_list(raw.get(name))]
    return first_id(named[0].get("wa_id"), named[0].get("user_id")) if len(named) == 1 else None


def read_error(raw: Json, change: Change) -> Parsed | Rejected:
    """An error of the account or the app, not of a message."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "an error is not an object", raw)
    shared = {"account": change.account, "occurred_at": change.occurred_at, "event": change.field}
    return Parsed("system", {**shared, **error_fields(raw)}, change.element(raw))


def _state_fields(field: str, word: str | None, decisive: str | None = None) -> Fields:
    if word is None:
        return {}
    return {"raw_state": word, "state": _STATES.get(field, {}).get((decisive or word).upper(), "unknown")}
