"""Baileys messages of every API that passes them on: wrappers, edits, acts, and the spelling of engines in Go."""

from typing import Any

import pytest

from tests.support.baileys import ANA, GROUP, webhooks
from tests.support.examples import events_of

# The fields of type FutureProofMessage in the protocol's Message, and the two others that hold a message.
WRAPPERS = (
    "associatedChildMessage", "botForwardedMessage", "botInvokeMessage", "botTaskMessage", "commentMessage",
    "deviceSentMessage", "documentWithCaptionMessage", "ephemeralMessage", "eventCoverImage", "groupMentionedMessage",
    "groupStatusMentionMessage", "groupStatusMessage", "groupStatusMessageV2", "limitSharingMessage",
    "lottieStickerMessage", "newsletterAdminProfileMessage", "newsletterAdminProfileMessageV2",
    "newsletterAdminProfileStatusMessage", "pollCreationMessageV4", "pollCreationOptionImageMessage", "questionMessage",
    "questionReplyMessage", "spoilerMessage", "statusAddYours", "statusMentionMessage", "viewOnceMessage",
    "viewOnceMessageV2", "viewOnceMessageV2Extension", "aWrapperThatNobodyHasSeenYet",
)  # fmt: skip
PICTURE = {"imageMessage": {"url": "https://mmg.example/1.enc", "caption": "bolo", "fileSha256": "AQID"}}
TARGET = {"targetMessageKey": {"id": "3EB0OR", "fromMe": True}, "encIv": "EjRW"}


def wrapped(message: Any, *wrappers: str) -> Any:
    """The message inside the wrappers, the last of which is the innermost."""
    for name in reversed(wrappers):
        message = {name: {"message": message}, "messageContextInfo": {}}
    return message


def only_events(message: Any, mine: bool = False, group: bool = False) -> list[dict[str, Any]]:
    """The one event of the message by each API."""
    found = []
    for provider, body in webhooks(message, mine, group):
        (event,) = events_of(provider, body)
        found.append(event)
    return found


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("mine", [False, True])
def test_every_wrapper_is_opened(mine: bool, group: bool) -> None:
    nested = [wrapped(PICTURE, *WRAPPERS[first : first + 6]) for first in range(0, len(WRAPPERS), 6)]
    for message in [*(wrapped(PICTURE, name) for name in WRAPPERS), *nested]:
        for event in only_events(message, mine, group):
            assert event["kind"] == ("sent" if mine else "inbound")
            assert (event["type"], event["text"], event["media_sha256"]) == ("image", "bolo", "AQID")
            assert event.get("chat_id") == (GROUP if group else None)
            assert mine or event["from"] == f"+{ANA}"


def test_the_number_of_wrappers_is_bounded() -> None:
    message = wrapped(PICTURE, *["ephemeralMessage"] * 150)
    assert {(event["type"], event["raw_type"]) for event in only_events(message)} == {("unknown", "ephemeralMessage")}


@pytest.mark.parametrize("mine", [False, True])
@pytest.mark.parametrize("wrappers", [(), ("ephemeralMessage",), ("deviceSentMessage", "groupStatusMessageV2")])
@pytest.mark.parametrize("kind", [2, "MESSAGE_EDIT", 1, "EVENT_EDIT", 4, "POLL_EDIT"])
def test_an_encrypted_edit_is_an_edit_of_its_target(kind: Any, wrappers: tuple[str, ...], mine: bool) -> None:
    message = wrapped({"secretEncryptedMessage": {**TARGET, "secretEncType": kind}}, *wrappers)
    for event in only_events(message, mine):
        assert (event["kind"], event["type"], event["message_id"]) == ("inbound", "edit", "3EB0AA")
        assert event["target_message_id"] == "3EB0OR"
        assert event["from" if not mine else "to"] == f"+{ANA}"


@pytest.mark.parametrize(
    "message", [{"editedMessage": {}}, wrapped({}, "editedMessage"), wrapped(PICTURE, "editedMessage")]
)
def test_an_edit_that_names_nothing_is_an_edit_all_the_same(message: Any) -> None:
    for event in only_events(message, mine=True):
        assert (event["kind"], event["type"]) == ("inbound", "edit")
        assert "target_message_id" not in event


def test_content_wins_over_the_name_of_an_act_beside_it() -> None:
    for event in only_events({"albumMessage": {}, "conversation": "oi"}, mine=True):
        assert (event["kind"], event["type"]) == ("sent", "text")


def test_an_act_is_one_event_under_every_name() -> None:
    body = webhooks({"pinInChatMessage": {"type": 1}}, mine=True)[1][1]
    names = ("messages.upsert", "message.sent")
    assert len({events_of("wasender", {**body, "event": name})[0]["event_id"] for name in names}) == 1


@pytest.mark.parametrize(
    ("names", "quoted"),
    [
        ({"stanzaId": "a"}, "a"),
        ({"stanzaID": "b"}, "b"),
        ({"StanzaID": "b"}, "b"),
        ({"stanzaId": "a", "stanzaID": "b"}, "a"),
        ({"stanzaID": "b", "stanzaId": "a"}, "a"),
        ({"stanzaId": None, "stanzaID": "b"}, "b"),
        ({"S" * 1000: "b"}, None),
    ],
)
def test_a_field_is_read_in_either_spelling(names: dict[str, Any], quoted: str | None) -> None:
    message = {"extendedTextMessage": {"text": "oi", "contextInfo": names}}
    for provider, body in webhooks(message)[:3]:  # the last would change the names
        assert events_of(provider, body)[0].get("reply_to") == quoted
