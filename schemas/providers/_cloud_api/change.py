"""One change of a Cloud API body: the facts that its elements share, the people it names, its errors."""

from dataclasses import dataclass, replace

from schemas.parsing.identity import is_bsuid, phone
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list, as_object, first_id, first_text
from schemas.parsing.results import Fields
from schemas.parsing.times import parse_time

# Meta's longest details have two or three sentences. The same error may be in every element of a body, so its length
# is limited.
_ERROR_CHARACTERS = 1_000


@dataclass(slots=True)  # not frozen: one is made for every body, and freezing costs a microsecond
class Change:
    """The shared facts of a change. `people`: the contacts by each of their ids, since their order has no meaning."""

    field: str
    value: JsonObject
    account: str | None  # phone_number_id, else the id of the WhatsApp Business Account
    business: str | None  # our own number, +digits
    entry_id: str | None
    occurred_at: int | None  # when the entry was made, ms
    people: dict[str, JsonObject]

    def element(self, item: Json) -> JsonObject:
        """What identifies an element that has no message id: the element and its place in the body."""
        where = {"entry": self.entry_id, "time": self.occurred_at, "account": self.account, "field": self.field}
        return {**where, "item": item}


def change_of(field: str, value: Json, entry: JsonObject) -> Change:
    """The shared facts of a change. Any of them may be missing."""
    value = as_object(value)
    metadata = as_object(value.get("metadata") or value.get("recipient"))  # `recipient` in handovers
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


def with_value(change: Change, value: JsonObject) -> Change:
    """The same change with another value, whose contacts are its people."""
    return replace(change, value=value, people=_people(value["contacts"]) if "contacts" in value else {})


def _people(contacts: Json) -> dict[str, JsonObject]:
    people: dict[str, JsonObject] = {}
    for contact in as_list(contacts):
        if isinstance(contact, dict):
            for name in ("wa_id", "user_id"):
                known = as_id(contact.get(name))
                if known is not None:
                    people[known] = contact
    return people


def address_and_contact(change: Change, number: Json, user_id: Json) -> tuple[str | None, JsonObject]:
    """A user's address and contact. Their phone or their business-scoped id may be missing."""
    known = phone(number)
    if known is not None and not change.people:
        return known, {}
    contact = change.people.get(as_id(number) or "") or change.people.get(as_id(user_id) or "") or {}
    known = known or phone(contact.get("wa_id")) or phone(user_id)
    return known or first_id(user_id, number, contact.get("user_id")), contact


def person_fields(change: Change, number: Json, user_id: Json) -> Fields:
    """Whom a system event is about: address, business-scoped id and username, as given."""
    address, contact = address_and_contact(change, number, user_id)
    profile = as_object(contact.get("profile"))
    return {
        "from": address,
        "sender_bsuid": first_id(user_id, contact.get("user_id"), address if is_bsuid(address) else None),
        "username": first_id(profile.get("username"), contact.get("username")),
    }


def error_fields(errors: Json) -> Fields:
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


def _clipped(text: str | None) -> str | None:
    return text and text[:_ERROR_CHARACTERS]
