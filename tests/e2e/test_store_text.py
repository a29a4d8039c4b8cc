"""`store_text = false`: texts of customers stay in Kafka, and every number is the same."""

from typing import Any

import orjson

from schemas.topics import EVENTS
from tests.e2e.topic_records import records_of
from tests.support.stack import TOKEN, WASENDER_SECRET, Stack

WORD = "Kirschkuchenrezept"  # part of every text that a person typed, and of nothing else
NAME = "Marina Beispiel"
OWN = {"X-Webhook-Signature": WASENDER_SECRET}
MEASURES = "sent, delivered, read, failed, pending"


def received(number: int, message: dict[str, Any], **more: Any) -> bytes:
    key = {"id": f"3EB0IN{number}", "fromMe": False, "remoteJid": "5511977776666@s.whatsapp.net"}
    element = {"key": key, "pushName": NAME, "messageTimestamp": 1_795_176_000 + number, "message": message, **more}
    return orjson.dumps({"event": "messages.upsert", "timestamp": 1_795_176_000, "data": {"messages": [element]}})


def status(number: int) -> bytes:
    key = {"id": "3EB0OUT1", "fromMe": True, "remoteJid": "5511977776666@s.whatsapp.net"}
    data = {"update": {"status": number}, "key": key}
    return orjson.dumps({"event": "messages.update", "timestamp": 1_795_176_000_000 + number, "data": data})


BODIES = [
    received(1, {"conversation": f"a {WORD}"}),
    received(2, {"imageMessage": {"caption": WORD, "mimetype": "image/jpeg"}}),
    received(3, {"documentMessage": {"fileName": f"{WORD}.pdf", "mimetype": "application/pdf"}}),
    received(4, {"buttonsResponseMessage": {"selectedButtonId": f"id-{WORD}", "selectedDisplayText": WORD}}),
    received(5, {"reactionMessage": {"text": WORD, "key": {"id": "3EB0OUT1", "fromMe": True}}}),
    # These become dead letters, whose excerpt shows nothing but the shape.
    orjson.dumps({"event": "messages.upsert", "data": {"messages": [WORD, {"x": WORD}]}}),
    f"{{{WORD}".encode(),
    *map(status, (2, 3, 4)),
]


def all_rows(stack: Stack) -> str:
    """Every row of every table as text."""
    names = stack.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    assert {"event_log", "dead_letter_log"} <= {row["name"] for row in names}
    return "\n".join(
        stack.client.raw_query(f"SELECT * FROM {row['name']} FORMAT JSONEachRow").decode()  # noqa: S608
        for row in names
    )


def test_no_text_of_a_customer_reaches_clickhouse_and_every_number_is_the_same(bare_kafka: Stack) -> None:
    stack = bare_kafka
    stack.env["ACKSTREAM_STREAMS_STORE_TEXT"] = "false"
    for part in ("clickhouse", "ingest", "normalise", "load"):
        stack.start(part)
    stack.ready()
    sent = {"message_id": "3EB0OUT1", "sent_at": 1_795_176_000, "to": "+5511977776666", "campaign": "spring"}
    assert stack.post("/sent/wasender", orjson.dumps(sent), {"Authorization": f"Bearer {TOKEN}"})[0] == 200
    for body in BODIES:
        assert stack.post("/webhooks/wasender", body, OWN)[0] == 200
    stack.wait_until_loaded()
    kinds = stack.query("SELECT kind, count() AS n FROM events GROUP BY kind")
    assert {row["kind"]: row["n"] for row in kinds} == {"inbound": 5, "status": 3, "sent": 1}
    assert stack.query("SELECT count() AS n FROM dead_letters")[0]["n"] >= 2
    stored = all_rows(stack)
    assert WORD not in stored
    assert NAME in stored
    assert any(WORD.encode() in (record.value or b"") for record in records_of(stack, EVENTS))
    [rate] = stack.query(f"SELECT {MEASURES} FROM delivery_rates WHERE campaign = 'spring'")  # noqa: S608
    assert rate == {"sent": 1, "delivered": 1, "read": 1, "failed": 0, "pending": 0}
    types = stack.query("SELECT type FROM events WHERE kind = 'inbound' ORDER BY message_id")
    assert [row["type"] for row in types] == ["text", "image", "document", "button", "reaction"]
