"""Meta's Cloud API as it is on the wire: signed batches over several numbers, escaped unicode. Pure."""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from random import Random
from typing import Any

from deploy.simulator.facts import DAY, SECOND, Account, Fact, Request
from deploy.simulator.wire_meta_content import message

# phone_number_id -> (WhatsApp Business Account, our number as Meta prints it); customers' numbers end below 90 and 900
NUMBERS = {
    "700600500400301": ("100200300400501", "447700900990"),
    "700600500400302": ("100200300400501", "447700900991"),
    "700600500400303": ("100200300400502", "1 212-555-0199"),
}
MAX_UPDATES = 1000  # Meta promises no size of a batch, and goes up to this one
MAX_BYTES = 3_000_000  # and to bodies of 3 MB


@dataclass(slots=True, frozen=True)
class Batches:
    """Sizes of batches with their shares, and how many of the largest are blown up to nearly MAX_BYTES."""

    sizes: tuple[tuple[int, int], ...]
    shares: tuple[int, ...]
    heavy: float = 0.0


SMALL = Batches(((1, 1), (2, 10), (11, 60), (61, 200)), (30, 40, 25, 5))
LARGE = Batches(((1, 1), (2, 10), (11, 60), (61, 200), (201, MAX_UPDATES)), (44, 40, 12, 3, 1), heavy=0.5)


def requests(
    facts: list[Fact], account: Account, dice: Random, batches: Batches, post: Callable[..., Request]
) -> Iterator[Request]:
    """The facts in order of arrival, cut into batches; each batch is one body of entries by account and number.

    `post` makes the request of a body: Meta's own signature, or the proof of a provider that passes its bodies on.
    """
    for historical, part in (
        (False, [fact for fact in facts if not fact.told.get("historical")]),
        (True, [fact for fact in facts if fact.told.get("historical")]),
    ):
        for batch in _batches(part, dice, batches):
            entries, told = (history if historical else live)(batch)
            if len(batch) > SMALL.sizes[-1][1] and dice.random() < batches.heavy:
                _fill(entries)
            yield post(account, envelope(entries), batch[-1].arrival, facts=told)


def _batches(facts: list[Fact], dice: Random, batches: Batches) -> Iterator[list[Fact]]:
    at = 0
    while at < len(facts):
        low, high = dice.choices(batches.sizes, weights=batches.shares)[0]
        size = dice.randint(low, high)
        # What a backfill tells of one message is one element of its body, so a batch never ends inside it.
        while at + size < len(facts) and facts[at + size].told.get("with_message"):
            size += 1
        yield facts[at : at + size]
        at += size


def _fill(entries: list[dict[str, Any]]) -> None:
    """Blows a body up to nearly MAX_BYTES by a field that nobody knows."""
    room = MAX_BYTES - len(envelope(entries)) - 100
    if room > 0:
        entries[0]["changes"][0]["value"]["x_attachment"] = "A" * room


def envelope(entries: list[dict[str, Any]]) -> bytes:
    """The body; Meta escapes what is not ASCII, and slashes."""
    body = {"object": "whatsapp_business_account", "entry": entries}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def signed(account: Account, content: bytes, arrival: int, **more: Any) -> Request:
    """A POST whose signature covers the bytes as they are."""
    headers = [("Content-Type", "application/json"), ("User-Agent", "facebookexternalua")]
    if secret := account.secret_at(arrival):
        headers.append(("X-Hub-Signature-256", signature(secret, content)))
    return Request(f"/webhooks/{account.source}", content, tuple(headers), arrival, **more)


def signature(secret: str, content: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), content, sha256).hexdigest()


def live(batch: Iterable[Fact]) -> tuple[list[dict[str, Any]], tuple[Fact, ...]]:
    """(entries, the facts in the order in which the body tells them)."""
    entries: list[dict[str, Any]] = []
    told: list[Fact] = []
    for number, part in _by(batch, lambda fact: str(fact.told["account"])):
        changes = []
        for field, some in _by(part, _field):
            changes.append({"field": field.split()[0], "value": _value(number, field, some)})
            told += some
        entries.append({"id": NUMBERS[number][0], "time": part[-1].arrival // SECOND, "changes": changes})
    return entries, tuple(told)


def history(batch: list[Fact]) -> tuple[list[dict[str, Any]], tuple[Fact, ...]]:
    """A backfill: threads of old messages, ours with what became of them."""
    entries = []
    told: list[Fact] = []
    for number, part in _by(batch, lambda fact: str(fact.told["account"])):
        threads = []
        for contact, some in _by(part, lambda fact: fact.told["who"].digits):
            messages = [_past(fact, number) for fact in some if not fact.told.get("with_message")]
            told += _status_after_its_message(some)
            threads.append({"id": contact, "messages": messages})
        chunk = {"metadata": {"phase": 1, "chunk_order": 1, "progress": 80}, "threads": threads}
        value = {**metadata(number), "history": [chunk]}
        entries.append({"id": NUMBERS[number][0], "changes": [{"field": "history", "value": value}]})
    return entries, tuple(told)


def _status_after_its_message(facts: list[Fact]) -> list[Fact]:
    statuses = {fact.message_id: fact for fact in facts if fact.told.get("with_message")}
    ordered = []
    for fact in facts:
        if not fact.told.get("with_message"):
            ordered += [fact, statuses[fact.message_id]] if fact.message_id in statuses else [fact]
    return ordered


def _by(facts: Iterable[Fact], key: Any) -> list[tuple[str, list[Fact]]]:
    return [(name, list(some)) for name, some in groupby(sorted(facts, key=key), key)]


def _field(fact: Fact) -> str:
    """Messages and statuses never share a change at Meta; echoes have a field of their own."""
    if fact.kind == "sent":
        return "smb_message_echoes"
    return "messages statuses" if fact.kind == "status" and fact.status != "deleted" else "messages"


def metadata(number: str) -> dict[str, Any]:
    """What every `value` of this number begins with."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": NUMBERS[number][1], "phone_number_id": number},
    }


def _value(number: str, field: str, facts: list[Fact]) -> dict[str, Any]:
    value = metadata(number)
    if field == "messages statuses":
        return {**value, "statuses": [status(fact) for fact in facts]}
    if field == "smb_message_echoes":
        return {**value, "message_echoes": [_echo(fact, number) for fact in facts]}
    # Contacts stand in no particular order beside the messages, and only once a person.
    people = {fact.told["who"].digits: fact.told["who"] for fact in reversed(facts)}
    contacts = [{"profile": {"name": who.name}, "wa_id": who.digits, "user_id": who.bsuid} for who in people.values()]
    return {**value, "contacts": contacts, "messages": [message(fact) for fact in facts]}


def _echo(fact: Fact, number: str) -> dict[str, Any]:
    return {**message(fact), "from": NUMBERS[number][1], "to": fact.told["spelled"]}


def _past(fact: Fact, number: str) -> dict[str, Any]:
    if fact.kind == "inbound":
        return message(fact)
    word = fact.told["history_status"]
    context = {"history_context": {"status": word.upper()}} if word else {}
    return {**_echo(fact, number), **context}


def status(fact: Fact) -> dict[str, Any]:
    """One element of `statuses[]`."""
    told, who = fact.told, fact.told["who"]
    assert fact.at is not None  # noqa: S101  (only a backfill tells statuses without a time)
    said: dict[str, Any] = {"id": fact.message_id, "status": fact.status, "timestamp": str(fact.at // SECOND)}
    said |= told.get("extra", {})
    if told.get("group"):
        said |= {"recipient_type": "group", "recipient_id": told["group"]}
        if fact.participant:
            said |= {"recipient_participant_id": who.digits, "recipient_participant_user_id": who.bsuid}
    else:
        said |= {"recipient_id": told["spelled"], "recipient_user_id": who.bsuid}
    if told.get("callback"):
        said["biz_opaque_callback_data"] = told["callback"]
    if fact.status == "failed":
        said["errors"] = [_error(told["code"], told["title"])]
        return said
    kind = "free_customer_service" if told["pricing"] == "service" else "regular"
    said["pricing"] = {
        "billable": kind == "regular", "pricing_model": "PMP", "category": told["pricing"], "type": kind,
    }  # fmt: skip
    if fact.status == "sent":
        conversation = sha256(told["spelled"].encode()).hexdigest()[:32]
        expires = str((fact.at + DAY) // SECOND)
        said["conversation"] = {
            "id": conversation, "expiration_timestamp": expires, "origin": {"type": told["pricing"]},
        }  # fmt: skip
    return said


def _error(code: str, title: str) -> dict[str, Any]:
    return {
        "code": int(code), "title": title, "message": title,
        "error_data": {"details": f"{title} (demo)"},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }  # fmt: skip
