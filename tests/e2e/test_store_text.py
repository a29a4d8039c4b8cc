"""`store_text = false`: what people wrote is in Kafka alone, and no number differs."""

import asyncio
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import EVENTS
from tests.support.stack import TOKEN, WASENDER_SECRET, Stack

WORD = "Kirschkuchenrezept"  # stands in everything that a person typed, and nowhere else
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
    # What cannot be understood: a dead letter, whose excerpt shows its shape alone.
    orjson.dumps({"event": "messages.upsert", "data": {"messages": [WORD, {"x": WORD}]}}),
    f"{{{WORD}".encode(),
    *map(status, (2, 3, 4)),
]


def everything(stack: Stack) -> str:
    """Every row of every table."""
    names = stack.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
    )
    assert {"event_log", "dead_letter_log"} <= {row["name"] for row in names}
    return "\n".join(
        stack.client.raw_query(f"SELECT * FROM {row['name']} FORMAT JSONEachRow").decode()  # noqa: S608
        for row in names
    )


def events_in_kafka(stack: Stack) -> bytes:
    async def read() -> bytes:
        consumer = AIOKafkaConsumer(bootstrap_servers=stack.broker.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            partitions = [TopicPartition(EVENTS.name, number) for number in range(stack.config.kafka.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning()
            ends = await consumer.end_offsets(partitions)
            found = b""
            while any([await consumer.position(part) < end for part, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    found += b"\n".join(record.value or b"" for record in records)
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_no_written_word_reaches_clickhouse_and_every_number_is_the_same(bare_kafka: Stack) -> None:
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
    stored = everything(stack)
    assert WORD not in stored
    assert NAME in stored
    assert WORD.encode() in events_in_kafka(stack)
    [rate] = stack.query(f"SELECT {MEASURES} FROM delivery_rates WHERE campaign = 'spring'")  # noqa: S608
    assert rate == {"sent": 1, "delivered": 1, "read": 1, "failed": 0, "pending": 0}
    types = stack.query("SELECT type FROM events WHERE kind = 'inbound' ORDER BY message_id")
    assert [row["type"] for row in types] == ["text", "image", "document", "button", "reaction"]
