"""Dead letters: listed, shown, and retried after a fix without counting anything twice."""

import json
from typing import Any

import pytest

from schemas.parsing.bodies import elements_of
from schemas.parsing.results import Parsed
from schemas.providers import registry
from schemas.providers.base import Provider
from schemas.topics import RAW
from streams.replay.retry import RetryCounts, retry
from streams.runtime.element_position import ElementPosition
from tests.support.stack import Stack
from tests.support.waiting import wait_until

NEW_SHAPE = [json.dumps({"v": 9, "words": f"hello {number}", "id": f"m{number}"}).encode() for number in range(3)]
BROKEN = b'{"event": "message.rec'


def letters(stack: Stack) -> list[dict[str, Any]]:
    return stack.query("SELECT reason, raw.partition AS p, raw.offset AS o, raw.index AS i FROM dead_letters")


async def retried(stack: Stack, places: list[ElementPosition]) -> RetryCounts:
    """The last counts of a retry in this process."""
    return [step async for step in retry(stack.config, places)][-1]


def fixed_provider() -> Provider:
    """The provider after an update: it parses the new shape."""

    def parse(body: bytes) -> Any:
        def read(root: Any) -> list[Parsed]:
            return [Parsed("inbound", {"message_id": root["id"], "text": root["words"]})]

        return elements_of(body, read)

    old = registry.built_in()["zapini"]
    return Provider(name="zapini", verify=old.verify, parse=parse, signed=False)


async def test_after_a_fix_a_retry_makes_each_body_an_event_once(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (*NEW_SHAPE, BROKEN):
        assert stack.post("/webhooks/zapini", body)[0] == 200
    wait_until("all are dead letters", lambda: len(letters(stack)) == 4)
    listed = [json.loads(line) for line in stack.run("dead", "list", "--json").stdout.splitlines()]
    assert sorted(one["reason"] for one in listed) == ["invalid_json", *["unknown_shape"] * 3]
    assert "unknown_shape" in stack.run("dead", "list", "--reason", "unknown_shape", "--source", "zapini").stdout
    assert "no dead letters" in stack.run("dead", "list", "--source", "meta").stdout
    broken = next(one["id"] for one in listed if one["reason"] == "invalid_json")
    shown = stack.run("dead", "show", broken)
    assert "invalid_json" in shown.stdout
    assert "message.rec" not in shown.stdout
    assert stack.run("dead", "show", broken, "--body").stdout.encode() == BROKEN

    output = stack.run("dead", "retry", "--all").stdout
    assert "tried 4: 0 parsed now, 4 still dead" in output

    places = [ElementPosition(RAW.name, one["p"], one["o"], one["i"]) for one in letters(stack)]
    monkeypatch.setitem(registry.built_in(), "zapini", fixed_provider())
    for _ in range(2):  # the second time finds nothing new
        step = await retried(stack, places)
        assert (step.resolved, step.dead, step.gone) == (3, 1, 0)
    stack.wait_until_loaded()
    assert stack.query("SELECT count() AS n FROM events") == [{"n": 3}]
    assert [one["reason"] for one in letters(stack)] == ["invalid_json"]
    arrivals = "SELECT uniqExact(request_id, `index`) AS d, uniqExact(event_id) AS e FROM deliveries"
    assert stack.query(arrivals) == [{"d": 3, "e": 3}]
    assert stack.query("SELECT min(dead_offset) AS n FROM dead_letter_log")[0]["n"] >= 0
    assert stack.query("SELECT count() AS n FROM messages") == [{"n": 3}]


def test_wrong_arguments_are_answered_by_one_sentence(bare_kafka: Stack) -> None:
    for arguments, sentence in (
        (("retry",), "give an ID, a filter, or --all"),
        (("show", "nonsense"), "'nonsense' is not an ID"),
        (("list", "--from", "yesterday-ish"), "--from 'yesterday-ish'"),
    ):
        done = bare_kafka.run("dead", *arguments, check=False)
        assert done.returncode == 2
        assert sentence in done.stderr
    done = bare_kafka.run("dead", "show", "0:99:0", "--body", check=False)
    assert (done.returncode, "its retention has passed" in done.stderr) == (1, True)
    gone = bare_kafka.run("dead", "retry", "0:99:0")
    assert "Kafka has deleted their bodies" in gone.stdout
