"""Standard Webhooks 1.0, also under Svix's header names: for any sender that signs so. Pure.

The body's convention is `{type, timestamp, data}` and no more, so `data` is read by the likely names of its fields, or
as what Meta sends where it is that. What is not provably a message or a status becomes a system event of its `type`.
"""

import re
from itertools import chain
from typing import Any

from schemas.authentication.standard_webhooks import HEADERS, SVIX_HEADERS, verify
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.json_values import as_id, as_list, as_object, first_id
from schemas.parsing.results import Parsed, Rejected
from schemas.providers._cloud_api.bodies import read, read_one
from schemas.providers._undocumented import STATUS_EVENTS, STATUSES, moment, read_message, read_status
from schemas.providers.base import Provider
from schemas.reasons import Reason

Fields = dict[str, Any]

_IDS = ("message_id", "messageId", "id", "uuid", "external_id")
_ACCOUNTS = ("account_id", "account", "instance_id", "phone_number_id")
_RECEIVED = frozenset({"received", "incoming", "inbound"})
_OF_EITHER_SIDE = frozenset({"created", "new"})
_MAX_TYPE = 20  # parts of a type that are looked at


def parse(body: bytes) -> Elements:
    """Every element of a body in its order. Never raises."""
    return elements_of(body, lambda root: chain.from_iterable(map(_event, as_list(root))))


def _event(raw: Any) -> Elements:
    word = as_id(raw.get("type")) if isinstance(raw, dict) else None
    if word is None:
        yield Rejected(Reason.UNKNOWN_SHAPE, "the body has no type", raw)
        return
    data = as_object(raw.get("data"))
    if "entry" in data:
        yield from read(data)
    elif "messaging_product" in data and ("messages" in data or "statuses" in data):
        yield from read_one({"field": "messages", "value": data}, {"id": data.get("id")})
    else:
        yield _by_type(word, data, raw)


def _by_type(word: str, data: Fields, raw: Fields) -> Parsed | Rejected:
    account = first_id(*(holder.get(name) for holder in (data, raw) for name in _ACCOUNTS))
    parts = re.split(r"[^a-z]+", word.lower())[:_MAX_TYPE]
    what = parts[-1]
    if data and not {"message", "messages"}.isdisjoint(parts) and _is_whatsapp(data):
        if what in STATUSES or what in STATUS_EVENTS:
            return read_status(what, data, raw, account, _IDS)
        if what in _RECEIVED or (what in _OF_EITHER_SIDE and ("from_me" in data or "direction" in data)):
            return read_message(data, raw, account, _IDS)
    fields = {
        "account": account,
        "occurred_at": moment(data, raw, "timestamp", "occurred_at", "created_at", "updated_at"),
        "event": word,
        "raw_state": first_id(data.get("status"), data.get("state")),
    }
    return Parsed("system", fields, raw)


def _is_whatsapp(data: Fields) -> bool:
    """A sender of several channels says which one it was."""
    channel = first_id(data.get("channel"), data.get("platform"))
    return channel is None or "whatsapp" in channel.lower()


PROVIDER = Provider(name="standard-webhooks", verify=verify, parse=parse, proof_headers=(*HEADERS, *SVIX_HEADERS))
