"""Sent records by HTTP, by topic, by file and as a provider's answer: one message each, however often it is sent."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import SENT
from tests.support.stack import TOKEN, Stack

BEARER = {"Authorization": f"Bearer {TOKEN}"}
A = {"message_id": "wamid.A", "to": "+5511955554444", "template": "oferta", "sent_at": "2026-11-20T12:00:00Z"}
FILE = (
    "message_id,to,template,sent_at\n"
    "wamid.A,+5511955554444,oferta,2026-11-20T12:00:00Z\n"
    ",+5511955550000,,\n"
    "wamid.B,+5511955554445,oferta,2026-11-20T12:00:01Z\n"
)
ANSWER = {"contacts": [{"wa_id": "5511955554446"}], "messages": [{"id": "wamid.C", "message_status": "accepted"}]}
UNKNOWN_SOURCE = b'{"message_id": "wamid.E", "to": "+5511955554448", "source": "desk"}'
NO_SOURCE = b'{"message_id": "wamid.D", "to": "+5511955554447"}'


async def write(bootstrap: str, *values: tuple[bytes, str | None]) -> None:
    """Writes records to wa.sent as a user's producer does: with its own key and its own clock."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for value, source in values:
            headers = [] if source is None else [("source", source.encode())]
            await producer.send_and_wait(SENT.name, value, key=b"theirs", timestamp_ms=1, headers=headers)


def messages(stack: Stack) -> list[dict[str, Any]]:
    return stack.query("SELECT message_id, source, origin, template, recipient FROM messages ORDER BY message_id")


def test_a_message_recorded_in_several_ways_is_one_message(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text(FILE)
    assert stack.post("/sent/meta", json.dumps(A).encode(), BEARER)[0] == 200
    written = (
        (json.dumps({**A, "source": "meta"}).encode(), None),
        (json.dumps(A).encode(), "meta"),
        (NO_SOURCE, None),
        (UNKNOWN_SOURCE, None),
    )
    asyncio.run(write(stack.broker.bootstrap, *written))
    status, answer = stack.post("/sent/meta?raw=1&template=oferta", json.dumps(ANSWER).encode(), BEARER)
    assert (status, json.loads(answer)) == (200, {"accepted": 1, "refused": []})
    for _ in range(2):
        done = stack.run("sent", str(file), "--source", "meta", check=False)
        assert done.returncode == 1, done.stderr
        assert done.stdout.splitlines()[0].startswith("line 3: Field message_id is missing")
        assert "2 rows are stored, 1 refused" in done.stdout

    arrivals = "SELECT uniqExact(request_id, `index`) AS n FROM deliveries"
    stack.wait_until_loaded()
    assert stack.query(arrivals) == [{"n": 8}]
    same = {"source": "meta", "origin": "api", "template": "oferta"}
    assert messages(stack) == [
        {"message_id": f"wamid.{letter}", "recipient": f"+551195555444{number}", **same}
        for letter, number in zip("ABC", "456", strict=True)
    ]
    assert stack.query("SELECT count() AS n FROM events") == [{"n": 3}]

    letters = [json.loads(line) for line in stack.run("dead", "list", "--json").stdout.splitlines()]
    ids = {letter["reason"]: letter["id"] for letter in letters}
    assert set(ids) == {"bad_envelope", "unknown_source"}
    assert all(one.startswith("wa.sent:") for one in ids.values())
    assert stack.run("dead", "show", ids["bad_envelope"], "--body").stdout.encode() == NO_SOURCE
    assert "unknown_source" in stack.run("dead", "show", ids["unknown_source"]).stdout
    retry_after_the_source_was_added(stack, ids)

    stack.run("replay", "--from", "beginning")
    assert stack.query(arrivals) == [{"n": 9}]
    assert len(messages(stack)) == 4


def retry_after_the_source_was_added(stack: Stack, ids: dict[str, str]) -> None:
    assert "tried 2: 0 parsed now, 2 still dead" in stack.run("dead", "retry", "--all").stdout
    settings = stack.folder / "ackstream.toml"
    settings.write_text(settings.read_text() + '\n[sources.desk]\nprovider = "twilio"\n')
    assert "tried 1: 1 parsed now" in stack.run("dead", "retry", ids["unknown_source"]).stdout
    stack.wait_until_loaded()
    assert [row["message_id"] for row in messages(stack) if row["source"] == "desk"] == ["wamid.E"]
    assert stack.query("SELECT count() AS n FROM dead_letters") == [{"n": 1}]
