"""One `changes[]` entry of a Cloud API body, and the people it names: what every reader of it shares. Pure."""

from dataclasses import dataclass
from typing import Any

from schemas.parsing.identity import phone
from schemas.parsing.json_values import as_id, as_list, as_object, first_id, first_text
from schemas.parsing.times import parse_time

# Meta's longest details are two or three sentences; one error may be repeated for every message beside it.
_ERROR_CHARACTERS = 1_000


@dataclass(slots=True)  # not frozen: one is made for every body, and freezing costs a microsecond
class Change:
    """`people` holds the contacts by each of their ids: they are in no particular order beside the messages."""

    field: str
    value: dict[str, Any]
    account: str | None  # phone_number_id, else the id of the WhatsApp Business Account
    business: str | None  # our own number, +digits
    entry_id: str | None
    occurred_at: int | None  # when the entry was made, ms
    people: dict[str, dict[str, Any]]

    def element(self, item: Any) -> dict[str, Any]:
        """What identifies an element that has no message id: itself and where it stood."""
        where = {"entry": self.entry_id, "time": self.occurred_at, "account": self.account, "field": self.field}
        return {**where, "item": item}


def read_change(field: str, value: Any, entry: dict[str, Any]) -> Change:
    """The facts of a change that its elements share. Any of them may be missing."""
    value = as_object(value)
    metadata = as_object(value.get("metadata"))
    entry_id = as_id(entry.get("id"))
    return Change(
        field=field,
        value=value,
        account=as_id(metadata.get("phone_number_id")) or entry_id,
        business=phone(metadata.get("display_phone_number")),
        entry_id=entry_id,
        occurred_at=parse_time(entry["time"]) if "time" in entry else None,
        people=_people(value["contacts"]) if "contacts" in value else {},
    )


def _people(contacts: Any) -> dict[str, dict[str, Any]]:
    people: dict[str, dict[str, Any]] = {}
    for contact in as_list(contacts):
        if isinstance(contact, dict):
            for name in ("wa_id", "user_id"):
                known = as_id(contact.get(name))
                if known is not None:
                    people[known] = contact
    return people


def party(change: Change, number: Any, user_id: Any) -> tuple[str | None, dict[str, Any]]:
    """(address, contact) of a user given as a phone and as a business-scoped id, either of which may be missing."""
    known = phone(number)
    if known is not None and not change.people:
        return known, {}
    contact = change.people.get(as_id(number) or "") or change.people.get(as_id(user_id) or "") or {}
    known = known or phone(contact.get("wa_id")) or phone(user_id)
    return known or first_id(user_id, number, contact.get("user_id")), contact


def error_facts(errors: Any) -> dict[str, Any]:
    """The first of `errors[]` as canonical fields; no fields when there is none."""
    for error in as_list(errors):
        if isinstance(error, dict):
            details = as_object(error.get("error_data")).get("details")
            return {
                "error_code": as_id(error.get("code")),
                "error_title": _clipped(first_text(error.get("title"), error.get("message"))),
                "error_text": _clipped(first_text(details, error.get("details"), error.get("message"))),
            }
    return {}


def _clipped(said: str | None) -> str | None:
    return said and said[:_ERROR_CHARACTERS]
