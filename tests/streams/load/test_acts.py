"""What our side does without a message (a pin, a vote, an edit) makes no sent unit: it would be pending for ever."""

from typing import Any

import pytest

from streams.load.lifecycle import apply_events
from tests.support.baileys import webhooks
from tests.support.examples import events_of, example_body

KEY = {"id": "3EB0OR", "fromMe": True}
OWN_ACTS: list[Any] = [
    {"pinInChatMessage": {"key": KEY, "type": 1}},
    {"pinInChatMessage": {"key": KEY, "type": 2}},
    {"keepInChatMessage": {"key": KEY, "keepType": 1}},
    {"keepInChatMessage": {"key": KEY, "keepType": 2}},
    {"pollUpdateMessage": {"pollCreationMessageKey": KEY, "vote": {}}},
    {"pollAddOptionMessage": {"pollCreationMessageKey": KEY}},
    {"encEventResponseMessage": {"eventCreationMessageKey": KEY}},
    {"albumMessage": {"expectedImageCount": 3}},
    {"protocolMessage": {"type": 3, "ephemeralExpiration": 86400}},
    {"protocolMessage": {"type": "APP_STATE_SYNC_KEY_SHARE"}},
    {"protocolMessage": {"key": KEY, "type": 14, "editedMessage": {"conversation": "novo"}}},
    {"secretEncryptedMessage": {"targetMessageKey": KEY, "secretEncType": 2}},
    {"secretEncryptedMessage": {"targetMessageKey": KEY, "secretEncType": "POLL_ADD_OPTION"}},
    {"editedMessage": {"message": {"protocolMessage": {"key": KEY, "type": 14, "editedMessage": {}}}}},
    {"limitSharingMessage": {"message": {"protocolMessage": {"type": 27}}}},
    {"statusMentionMessage": {"message": {"protocolMessage": {"type": 25, "key": KEY}}}},
    {"messageHistoryBundle": {"mimetype": "application/x"}},
    {"callLogMesssage": {"callOutcome": 1}},
    {"senderKeyDistributionMessage": {"groupId": "1"}},
    {"limitSharingMessage": {"message": {}}},
]
EXAMPLES = ("evolution/own_acts", "wasender/own_acts", "waha/own_acts", "z-api/own_acts", "zapini/own_acts")


def outbound(events: list[dict[str, Any]]) -> list[str]:
    """The ids of the units that the events make and that count as sent."""
    rows = apply_events(events, lambda _: None, lambda _: [])[1].values()
    return [row["message_id"] for row in rows if row["direction"] == "out"]


@pytest.mark.parametrize("act", OWN_ACTS, ids=str)
def test_an_act_of_ours_makes_no_sent_unit(act: Any) -> None:
    for group in (False, True):
        for message in (act, {"ephemeralMessage": {"message": act}}, {"deviceSentMessage": {"message": act}}):
            for provider, body in webhooks(message, mine=True, group=group):
                events = events_of(provider, body)
                assert events
                assert outbound(events) == []


def test_a_message_of_ours_makes_one() -> None:
    for provider, body in webhooks({"conversation": "oi"}, mine=True):
        assert outbound(events_of(provider, body)) == ["3EB0AA"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_acts_of_the_examples_make_none(name: str) -> None:
    assert outbound(events_of(name.split("/")[0], example_body(name))) == []
