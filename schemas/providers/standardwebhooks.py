"""Standard Webhooks 1.0, also under Svix's header names: any sender that signs in this way.

The specification defines only the envelope `{type, timestamp, data}`. So `data` is read as a Cloud API body if it has
that form, else by the likely names of its fields. An event that is not clearly a message or a status becomes a system
event with its `type` as name.
"""

import re

from schemas.authentication.standard_webhooks import HEADERS, SVIX_HEADERS, secret_fault, verify
from schemas.parsing.bodies import Elements, read_named
from schemas.parsing.json_types import JsonObject
from schemas.parsing.json_values import as_object, first_id
from schemas.parsing.results import Fields, Parsed, Rejected
from schemas.providers._cloud_api.bodies import read, read_change
from schemas.providers._fields import KNOWN_STATUSES
from schemas.providers._undocumented import STATUS_EVENTS, moment, person_fields, read_message, read_status
from schemas.providers.base import Provider

_IDS = ("message_id", "messageId", "id", "uuid", "external_id")
_ACCOUNTS = ("account_id", "account", "instance_id", "phone_number_id")
_RECEIVED = frozenset({"received", "incoming", "inbound"})
_OF_EITHER_DIRECTION = frozenset({"created", "new"})
_MAX_TYPE_PARTS = 20


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return read_named(body, "type", _read_event)


def _read_event(word: str, raw: JsonObject) -> Elements:
    data = as_object(raw.get("data"))
    if "entry" in data:
        yield from read(data)
    elif "messaging_product" in data and ("messages" in data or "statuses" in data):
        yield from read_change({"field": "messages", "value": data}, {"id": data.get("id")})
    else:
        yield _by_type(word, data, raw)


def _by_type(word: str, data: JsonObject, raw: JsonObject) -> Parsed | Rejected:
    account = first_id(*(holder.get(name) for holder in (data, raw) for name in _ACCOUNTS))
    parts = re.split(r"[^a-z]+", word.lower())[:_MAX_TYPE_PARTS]
    what = parts[-1]
    if data and not {"message", "messages"}.isdisjoint(parts) and _is_whatsapp(data):
        if what in KNOWN_STATUSES or what in STATUS_EVENTS:
            return read_status(what, data, raw, account, _IDS)
        if what in _RECEIVED or (what in _OF_EITHER_DIRECTION and ("from_me" in data or "direction" in data)):
            return read_message(data, raw, account, _IDS)
    fields: Fields = {
        "account": account,
        "occurred_at": moment(data, raw, "timestamp", "occurred_at", "created_at", "updated_at"),
        "event": word,
        **person_fields(word, data),
        "raw_state": first_id(data.get("status"), data.get("state")),
    }
    return Parsed("system", fields, raw)


def _is_whatsapp(data: JsonObject) -> bool:
    """False when the data name another channel: some senders serve several."""
    channel = first_id(data.get("channel"), data.get("platform"))
    return channel is None or "whatsapp" in channel.lower()


PROVIDER = Provider(
    name="standard-webhooks",
    verify=verify,
    parse=parse,
    proof_headers=(*HEADERS, *SVIX_HEADERS),
    secret_fault=secret_fault,
)
