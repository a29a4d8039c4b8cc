"""Bodies of Meta's Cloud API: signed batches over several phone numbers, unicode escaped."""

import hmac
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from random import Random

from deploy.simulator.facts import DAY, SECOND, Account, Fact, Request
from deploy.simulator.wire_meta_content import message
from schemas.parsing.json_types import JsonObject

# phone_number_id -> (WhatsApp Business Account, our number as Meta prints it); customers' numbers end below 90 and 900
NUMBERS = {
    "700600500400301": ("100200300400501", "447700900990"),
    "700600500400302": ("100200300400501", "447700900991"),
    "700600500400303": ("100200300400502", "1 212-555-0199"),
}
MAX_UPDATES = 1000  # Meta guarantees no size of a batch; this is the largest one it sends
MAX_BYTES = 3_000_000  # and its largest body

Change = tuple[str, JsonObject]  # (field, value)


@dataclass(slots=True, frozen=True)
class Batches:
    """Ranges of batch sizes with their weights, and which fraction of the largest is padded to nearly MAX_BYTES."""

    sizes: tuple[tuple[int, int], ...]
    weights: tuple[int, ...]
    padded: float = 0.0


@dataclass(slots=True, frozen=True)
class Entry:
    """The changes of one phone number. `time`: seconds, None in a backfill."""

    number: str
    time: int | None
    changes: list[Change]

    def json(self) -> JsonObject:
        """The element of `entry[]`."""
        changes = [{"field": field, "value": value} for field, value in self.changes]
        time = {} if self.time is None else {"time": self.time}
        return {"id": NUMBERS[self.number][0], **time, "changes": changes}


SMALL = Batches(((1, 1), (2, 10), (11, 60), (61, 200)), (30, 40, 25, 5))
LARGE = Batches(((1, 1), (2, 10), (11, 60), (61, 200), (201, MAX_UPDATES)), (44, 40, 12, 3, 1), padded=0.5)


def requests(
    facts: list[Fact], account: Account, rng: Random, batches: Batches,
    post: Callable[[Account, bytes, int, tuple[Fact, ...]], Request],
) -> Iterator[Request]:  # fmt: skip
    """The facts in order of arrival, cut into batches; each batch is one body of entries by account and number.

    `post` makes the request of a body: with Meta's signature, or with the header of a provider that passes bodies on.
    """
    for historical in (False, True):
        part = [fact for fact in facts if bool(fact.details.get("historical")) is historical]
        for batch in _batches(part, rng, batches):
            entries, ordered = (history if historical else live)(batch)
            if len(batch) > SMALL.sizes[-1][1] and rng.random() < batches.padded:
                _pad(entries)
            yield post(account, envelope(entry.json() for entry in entries), batch[-1].arrival, ordered)


def _batches(facts: list[Fact], rng: Random, batches: Batches) -> Iterator[list[Fact]]:
    at = 0
    while at < len(facts):
        low, high = rng.choices(batches.sizes, weights=batches.weights)[0]
        size = rng.randint(low, high)
        # A message and its status are one element of a backfill's body, so a batch never ends between them.
        while at + size < len(facts) and facts[at + size].details.get("with_message"):
            size += 1
        yield facts[at : at + size]
        at += size


def _pad(entries: list[Entry]) -> None:
    """Fills a body up to nearly MAX_BYTES with an unknown field."""
    room = MAX_BYTES - len(envelope(entry.json() for entry in entries)) - 100
    if room > 0:
        _, value = entries[0].changes[0]
        value["x_attachment"] = "A" * room


def envelope(entries: Iterable[JsonObject]) -> bytes:
    """The body. Meta escapes slashes and everything that is not ASCII."""
    body = {"object": "whatsapp_business_account", "entry": list(entries)}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def signed(account: Account, content: bytes, arrival: int, facts: tuple[Fact, ...] = ()) -> Request:
    """A POST whose signature covers exactly these bytes."""
    headers = [("Content-Type", "application/json"), ("User-Agent", "facebookexternalua")]
    if secret := account.secret_at(arrival):
        headers.append(("X-Hub-Signature-256", signature(secret, content)))
    return Request(f"/webhooks/{account.source}", content, tuple(headers), arrival, facts=facts)


def signature(secret: str, content: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), content, sha256).hexdigest()


def live(batch: Iterable[Fact]) -> tuple[list[Entry], tuple[Fact, ...]]:
    """(entries, the facts in their order in the body)."""
    entries: list[Entry] = []
    ordered: list[Fact] = []
    for number, part in _by(batch, lambda fact: fact.details["account"]):
        changes: list[Change] = []
        for field, some in _by(part, _field):
            changes.append((field.split()[0], _value(number, field, some)))
            ordered += some
        entries.append(Entry(number, part[-1].arrival // SECOND, changes))
    return entries, tuple(ordered)


def history(batch: list[Fact]) -> tuple[list[Entry], tuple[Fact, ...]]:
    """A backfill: threads of old messages, ours with their status. Returns the same as `live`."""
    entries: list[Entry] = []
    ordered: list[Fact] = []
    for number, part in _by(batch, lambda fact: fact.details["account"]):
        threads: list[JsonObject] = []
        for contact, some in _by(part, lambda fact: fact.details["who"].digits):
            messages = [_past(fact, number) for fact in some if not fact.details.get("with_message")]
            ordered += _status_after_its_message(some)
            threads.append({"id": contact, "messages": messages})
        chunk = {"metadata": {"phase": 1, "chunk_order": 1, "progress": 80}, "threads": threads}
        entries.append(Entry(number, None, [("history", {**metadata(number), "history": [chunk]})]))
    return entries, tuple(ordered)


def _status_after_its_message(facts: list[Fact]) -> list[Fact]:
    statuses = {fact.message_id: fact for fact in facts if fact.details.get("with_message")}
    ordered = []
    for fact in facts:
        if not fact.details.get("with_message"):
            ordered += [fact, statuses[fact.message_id]] if fact.message_id in statuses else [fact]
    return ordered


def _by(facts: Iterable[Fact], key: Callable[[Fact], str]) -> list[tuple[str, list[Fact]]]:
    return [(name, list(some)) for name, some in groupby(sorted(facts, key=key), key)]


def _field(fact: Fact) -> str:
    """Messages and statuses never share a change at Meta; echoes have a field of their own."""
    if fact.kind == "sent":
        return "smb_message_echoes"
    return "messages statuses" if fact.kind == "status" and fact.status != "deleted" else "messages"


def metadata(number: str) -> JsonObject:
    """The first fields of every `value` of this number."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": NUMBERS[number][1], "phone_number_id": number},
    }


def _value(number: str, field: str, facts: list[Fact]) -> JsonObject:
    value = metadata(number)
    if field == "messages statuses":
        return {**value, "statuses": [status(fact) for fact in facts]}
    if field == "smb_message_echoes":
        return {**value, "message_echoes": [_echo(fact, number) for fact in facts]}
    # Contacts are in no particular order, and each person is there once.
    people = {fact.details["who"].digits: fact.details["who"] for fact in reversed(facts)}
    contacts = [{"profile": {"name": who.name}, "wa_id": who.digits, "user_id": who.bsuid} for who in people.values()]
    return {**value, "contacts": contacts, "messages": [message(fact) for fact in facts]}


def _echo(fact: Fact, number: str) -> JsonObject:
    return {**message(fact), "from": NUMBERS[number][1], "to": fact.details["spelled"]}


def _past(fact: Fact, number: str) -> JsonObject:
    if fact.kind == "inbound":
        return message(fact)
    past_status = fact.details["history_status"]
    context = {"history_context": {"status": past_status.upper()}} if past_status else {}
    return {**_echo(fact, number), **context}


def status(fact: Fact) -> JsonObject:
    """One element of `statuses[]`."""
    details = fact.details
    assert fact.at is not None  # noqa: S101  (only a backfill reports statuses without a time)
    element: JsonObject = {"id": fact.message_id, "status": fact.status, "timestamp": str(fact.at // SECOND)}
    element |= details.get("extra", {})
    element |= _recipient(fact)
    if details.get("callback"):
        element["biz_opaque_callback_data"] = details["callback"]
    if fact.status == "failed":
        element["errors"] = [_error(details["code"], details["title"])]
        return element
    kind = "free_customer_service" if details["pricing"] == "service" else "regular"
    element["pricing"] = {
        "billable": kind == "regular", "pricing_model": "PMP", "category": details["pricing"], "type": kind,
    }  # fmt: skip
    if fact.status == "sent":
        conversation = sha256(details["spelled"].encode()).hexdigest()[:32]
        expires = str((fact.at + DAY) // SECOND)
        element["conversation"] = {
            "id": conversation, "expiration_timestamp": expires, "origin": {"type": details["pricing"]},
        }  # fmt: skip
    return element


def _recipient(fact: Fact) -> JsonObject:
    details, who = fact.details, fact.details["who"]
    if not details.get("group"):
        return {"recipient_id": details["spelled"], "recipient_user_id": who.bsuid}
    group: JsonObject = {"recipient_type": "group", "recipient_id": details["group"]}
    if not fact.participant:
        return group
    return {**group, "recipient_participant_id": who.digits, "recipient_participant_user_id": who.bsuid}


def _error(code: str, title: str) -> JsonObject:
    return {
        "code": int(code), "title": title, "message": title,
        "error_data": {"details": f"{title} (demo)"},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }  # fmt: skip
