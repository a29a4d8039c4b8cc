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
    "DISABLE": "banned", "SCHEDULE_FOR_DISABLE": "limited", "REINSTATE": "ok",
}  # fmt: skip
_TEMPLATE = {
    "APPROVED": "ok", "REINSTATED": "ok",
    "PAUSED": "limited", "FLAGGED": "limited", "DISABLED": "limited", "REJECTED": "limited",
}  # fmt: skip
_QUALITY = {"GREEN": "ok", "RED": "limited"}
_NUMBER = {"FLAGGED": "limited", "DOWNGRADE": "limited", "UNFLAGGED": "ok", "UPGRADE": "ok"}
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
    )
    # A DISABLED_UPDATE may announce, schedule or lift a ban; only ban_info states which.
    decisive = as_id(as_object(facts.get("ban_info")).get("waba_ban_state"))
    fields = {
        **_state_fields(change.field, word or decisive, decisive),
        "account": change.account,
        "occurred_at": change.occurred_at or parse_time(facts.get("timestamp")),
        "event": change.field,
        "reason_code": _reason(facts),
        **error_fields(facts.get("errors")),
    }
    return Parsed("system", fields, change.element(value))


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
    """One item of a list inside a notice: a user's preference, a call."""
    if not isinstance(raw, dict):
        return Rejected(Reason.BAD_ELEMENT, "an item of a notice is not an object", raw)
    fields = {
        **_state_fields(change.field, first_id(raw.get("value"), raw.get("event"), raw.get("status"))),
        "account": change.account,
        "occurred_at": parse_time(raw.get("timestamp")) or change.occurred_at,
        "event": change.field,
        **person_fields(
            change, first_id(raw.get("wa_id"), raw.get("from")), first_id(raw.get("user_id"), raw.get("from_user_id"))
        ),
        "to": phone_or_id(first_id(raw.get("to"), raw.get("to_user_id"))),
        "reason_code": as_id(raw.get("category")),
        **error_fields(raw.get("errors")),
    }
    return Parsed("system", fields, change.element(raw))


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
