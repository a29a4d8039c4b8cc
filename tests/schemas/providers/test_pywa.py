"""Meta: our events and verdicts compared with those of pywa, an independent library for the Cloud API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pywa import WhatsApp  # type: ignore[attr-defined]
from pywa.types import Message, MessageStatus  # type: ignore[attr-defined]
from pywa.utils import webhook_updates_validator

from schemas.authentication.request import Request
from schemas.parsing.identity import phone_or_id
from schemas.parsing.times import parse_iso
from schemas.providers.registry import built_in
from tests.schemas.providers.test_meta import BODY, signed
from tests.support.examples import Case, body_of, load_cases, run

pytestmark = pytest.mark.filterwarnings("ignore:Unknown MessageStatusType")  # some examples have invented status words

CLIENT = WhatsApp(phone_id="700600500400300", token="invented", filter_updates=False)
CASES = [
    (name, case)
    for name, case in load_cases("meta")
    if case["outcome"] == "accepted" and "body" in case and name not in ("meta/bad_siblings", "meta/broken_time")
]


def updates(case: Case, kind: str) -> Iterator[Any]:
    """One body for each message or status of the example, with a contact: the form that pywa reads."""
    for entry in case["body"].get("entry", []):
        for change in entry.get("changes", []):
            value = change.get("value")
            if isinstance(value, dict) and change.get("field") == "messages" and isinstance(value.get(kind), list):
                for one in value[kind]:
                    user = one.get("from") or one.get("recipient_id") or "5511955554444"
                    contacts = value.get("contacts") or [{"wa_id": user, "user_id": "BR.1", "profile": {"name": "Ana"}}]
                    alone = {**change, "value": {**value, "contacts": contacts, kind: [one]}}
                    yield {"object": "whatsapp_business_account", "entry": [{**entry, "changes": [alone]}]}


def our_event(update: Any, kind: str) -> dict[str, Any] | None:
    """Our first event of that kind in the body."""
    events = run("meta/pywa", {"headers": {}}, json.dumps(update).encode())["events"]
    return next((event for event in events if event["kind"] == kind), None)


def test_messages_agree_with_pywa() -> None:
    compared = 0
    for name, case in CASES:
        for update in updates(case, "messages"):
            event = our_event(update, "inbound")
            try:
                theirs = Message.from_update(CLIENT, update)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                continue  # pywa reads fewer shapes than we do
            if event is None or event["type"] in ("reaction", "edit", "unsupported", "unknown"):
                continue  # pywa has other classes for these
            compared += 1
            assert event["message_id"] == theirs.id, name
            assert parse_iso(event["occurred_at"]) == int(theirs.timestamp.timestamp() * 1000), name
            if event["type"] == "text":
                assert event["text"] == theirs.text, name
            if theirs.caption:
                assert event["text"] == theirs.caption, name
            if theirs.location is not None:
                place = (float(theirs.location.latitude), float(theirs.location.longitude))
                assert (event["latitude"], event["longitude"]) == place, name
            if theirs.media is not None:
                assert (event["media_id"], event["media_mime"]) == (theirs.media.id, theirs.media.mime_type), name
            assert event.get("reply_to") == (theirs.reply_to_message.id if theirs.reply_to_message else None), name
            assert bool(event.get("forwarded")) == theirs.forwarded, name
            if theirs.from_user.wa_id:
                assert event["from"] == phone_or_id(theirs.from_user.wa_id), name
    assert compared >= 15


def test_statuses_agree_with_pywa() -> None:
    compared = 0
    for name, case in CASES:
        for update in updates(case, "statuses"):
            event = our_event(update, "status")
            try:
                theirs = MessageStatus.from_update(CLIENT, update)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                continue
            if event is None or event["status"] == "unknown":
                continue
            compared += 1
            assert (event["message_id"], event["status"]) == (theirs.id, theirs.status.value), name
            assert parse_iso(event["occurred_at"]) == int(theirs.timestamp.timestamp() * 1000), name
            assert event.get("callback_data") == theirs.tracker, name
            if theirs.error is not None:
                assert event["error_code"] == str(theirs.error.code), name
            if theirs.pricing is not None:
                assert event.get("billable") == theirs.pricing.billable, name
    assert compared >= 5


@pytest.mark.parametrize("body", [BODY, b"", b"{}", "é".encode(), *(body_of(case) for _, case in CASES[:5])])
def test_signatures_agree_with_pywa(body: bytes) -> None:
    for header in ("sha256=" + signed("invented", body), "sha256=" + signed("other", body), "sha256="):
        theirs = webhook_updates_validator("invented", body, header)
        verdict = built_in()["meta"].verify(Request({"x-hub-signature-256": header}, body), ["invented"])
        assert (verdict.auth == "ok") == theirs
