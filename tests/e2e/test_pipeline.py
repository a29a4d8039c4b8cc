"""Traffic end to end on real Kafka and ClickHouse, also while parts of the stack are killed."""

import hmac
import random
import shutil
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any

import orjson

from schemas.process.tasks import EXIT_BROKEN
from schemas.topics import MESSAGES
from tests.e2e.topic_records import records_of
from tests.support.stack import META_SECRET, TOKEN, Stack
from tests.support.waiting import wait_until

START = 1_795_132_800  # 2026-11-20T00:00:00Z, in s
BEARER = {"Authorization": f"Bearer {TOKEN}"}
# All columns of `messages`; first_seen_at is a time of our own clock, but it is stored in the raw record.
DIGEST = "SELECT count() AS n, groupBitXor(sipHash64(*)) AS digest FROM (SELECT * FROM messages)"


def signed(statuses: list[dict[str, Any]]) -> tuple[bytes, dict[str, str]]:
    """A Meta body with its signature header."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "5511900001111", "phone_number_id": "700600500400300"},
        "statuses": statuses,
    }
    change = {"field": "messages", "value": value}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]})
    return body, {"X-Hub-Signature-256": "sha256=" + hmac.digest(META_SECRET.encode(), body, sha256).hex()}


class Traffic:
    """Seeded messages and their expected counts by day, computed without the product's own rules."""

    def __init__(self, messages: int, seed: int) -> None:
        rng = random.Random(seed)  # noqa: S311
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []
        self.truth: dict[str, dict[str, int]] = {}
        statuses: list[dict[str, Any]] = []
        for number in range(messages):
            message_id, day = f"wamid.{seed:04d}{number:08d}", rng.randrange(3)
            sent_at = START + day * 86_400 + rng.randrange(86_400)
            fate = rng.choices(["read", "delivered", "failed", "sent", "none"], [50, 25, 10, 10, 5])[0]
            words = {"read": ["sent", "delivered", "read"], "delivered": ["sent", "delivered"], "none": []}.get(
                fate, [fate]
            )
            if fate == "read" and rng.random() < 0.2:
                words.remove("delivered")
            for step, word in enumerate(words):
                status: dict[str, Any] = {
                    "id": message_id,
                    "status": word,
                    "timestamp": str(sent_at + step * rng.choice([1, 90, 90_000])),
                }
                status["recipient_id"] = f"551195555{number % 10_000:04d}"
                if word == "failed":
                    status["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
                statuses += [status] * rng.choice([1, 1, 1, 2])
            record = {"message_id": message_id, "sent_at": sent_at, "template": f"t{number % 3}", "campaign": "c"}
            self.posts.append(("/sent/meta", orjson.dumps(record), BEARER))
            counts = self.truth.setdefault(f"2026-11-{20 + day}", {"sent": 0, "delivered": 0, "read": 0, "failed": 0})
            counts["sent"] += 1
            counts["delivered"] += fate in ("read", "delivered")
            counts["read"] += fate == "read"
            counts["failed"] += fate == "failed"
        rng.shuffle(statuses)
        while statuses:
            size = rng.choice([1, 2, 7, 40])
            part, statuses = statuses[:size], statuses[size:]
            self.posts.append(("/webhooks/meta", *signed(part)))
        rng.shuffle(self.posts)

    def post(self, stack: Stack, *, threads: int = 4) -> None:
        """Posts every body until it is answered 200, as providers do."""

        def one(post: tuple[str, bytes, dict[str, str]]) -> None:
            path, body, headers = post

            def answered() -> bool:
                try:
                    return stack.post(path, body, headers)[0] == 200
                except OSError:
                    return False

            wait_until("a 200", answered, 90)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, self.posts))


def rates(stack: Stack) -> dict[str, dict[str, int]]:
    rows = stack.query(
        "SELECT toString(cohort_day) AS day, sum(sent) AS sent, sum(delivered) AS delivered, sum(read) AS read, "
        "sum(failed) AS failed, sum(pending) AS pending FROM delivery_rates GROUP BY day ORDER BY day"
    )
    for row in rows:
        assert row["sent"] == row["delivered"] + row["failed"] + row.pop("pending")
    return {row.pop("day"): row for row in rows}


def event_rows(stack: Stack) -> int:
    return int(stack.query("SELECT count() AS n FROM event_log")[0]["n"])


def moved_on(stack: Stack, posting: Future[None], seen: int) -> bool:
    """Whether there are more rows than `seen`, or nothing more to post."""
    return posting.done() or event_rows(stack) > seen


def digest(stack: Stack) -> tuple[int, int]:
    (row,) = stack.query(DIGEST)
    return row["n"], row["digest"]


def published(stack: Stack) -> dict[str, dict[str, Any]]:
    """The newest row of every unit in wa.messages, by its key."""
    pairs = [(record.key or b"", record.value or b"") for record in records_of(stack, MESSAGES)]
    return {key.decode(): orjson.loads(row) for key, row in pairs}


def in_clickhouse(stack: Stack) -> dict[str, dict[str, Any]]:
    """The rows of the view `messages`, by the key that they have in wa.messages."""
    text = stack.client.raw_query(
        "SELECT * FROM messages", fmt="JSONEachRow", settings={"date_time_output_format": "iso"}
    )
    rows = [orjson.loads(line) for line in text.splitlines()]
    return {orjson.dumps([row["source"], row["message_id"], row["participant"]]).decode(): row for row in rows}


def test_signed_traffic_gives_the_expected_rates_and_replays_end_in_the_same_digest(stack: Stack) -> None:
    traffic = Traffic(300, seed=7)
    traffic.post(stack)
    stack.wait_until_loaded()
    assert rates(stack) == traffic.truth
    before = digest(stack)

    output = stack.run("replay", "--from", "beginning").stdout
    assert f"replayed {len(traffic.posts):,} bodies from beginning" in output
    assert digest(stack) == before
    assert published(stack) == in_clickhouse(stack)

    assert "2026-11-20" in stack.run("query", "select * from delivery_rates").stdout
    rows = stack.run("query", "select count() as n from messages", "--format", "jsonl").stdout
    assert orjson.loads(rows)["n"] == 300
    message_id = (
        orjson.loads(traffic.posts[0][1]).get("message_id")
        or stack.query("SELECT message_id FROM messages")[0]["message_id"]
    )
    timeline = stack.run("message", message_id).stdout
    assert message_id in timeline
    assert "template" in timeline
    assert stack.run("message", "wamid.nobody", check=False).returncode == 1

    stack.kill("load")
    shutil.rmtree(stack.config.data_dir / "state")
    stack.start("load")
    stack.ready()
    stack.run("replay", "--from", "beginning")
    assert digest(stack) == before
    assert published(stack) == in_clickhouse(stack)

    filled = (
        "SELECT name FROM system.tables "
        "WHERE database = currentDatabase() AND total_rows > 0 AND name != 'schema_migrations'"
    )
    for table in stack.query(filled):
        stack.client.command(f"TRUNCATE TABLE {table['name']}")
    assert digest(stack)[0] == 0
    for _ in range(2):
        stack.run("replay", "--from", "beginning")
        assert digest(stack) == before
    assert rates(stack) == traffic.truth


def test_nothing_is_lost_or_doubled_when_every_part_is_killed_in_the_middle(stack: Stack) -> None:
    traffic = Traffic(1500, seed=8)
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(traffic.post, stack)
        for part in ("load", "normalise", "ingest", "clickhouse", "load", "kafka", "normalise"):
            seen = event_rows(stack)
            stack.kill(part)
            stack.start(part)
            if part == "kafka":  # a worker without its broker ends: restart it as the supervisor does
                for stage in ("normalise", "load"):
                    stack.kill(stage)
                    stack.start(stage)
            stack.ready()
            wait_until(f"events are loaded after {part} was killed", partial(moved_on, stack, posting, seen))
        posting.result(300)
    stack.wait_until_loaded()
    assert rates(stack) == traffic.truth
    assert published(stack) == in_clickhouse(stack)


def test_unparsable_elements_become_dead_letters_with_a_reason_and_their_siblings_count(stack: Stack) -> None:
    good = {"id": "wamid.good", "status": "sent", "timestamp": str(START), "recipient_id": "5511955550001"}
    assert stack.post("/webhooks/meta", *signed([good, "no object", {**good, "id": None}]))[0] == 200  # type: ignore[list-item]
    broken = b'{"object": "whatsapp_business_account", "entry": [{'
    signature = "sha256=" + hmac.digest(META_SECRET.encode(), broken, sha256).hex()
    assert stack.post("/webhooks/meta", broken, {"X-Hub-Signature-256": signature})[0] == 200
    assert stack.post("/webhooks/meta", broken, {"X-Hub-Signature-256": "sha256=" + "0" * 64})[0] == 401
    answer = stack.post(
        "/sent/meta", b'{"message_id": "wamid.good", "template": "t"}\n{"to": "+5511955550001"}', BEARER
    )
    assert answer[0] == 200
    assert orjson.loads(answer[1])["accepted"] == 1
    assert [refused["index"] for refused in orjson.loads(answer[1])["refused"]] == [1]
    stack.wait_until_loaded()
    (row,) = stack.query("SELECT sent, template FROM delivery_rates")
    assert row == {"sent": 1, "template": "t"}
    reasons = stack.query("SELECT reason, count() AS n FROM dead_letters GROUP BY reason ORDER BY reason")
    assert {row["reason"]: row["n"] for row in reasons} == {"bad_element": 2, "invalid_json": 1}
    assert "wamid.good" in stack.run("message", "+55 11 95555-0001").stdout
    for part in ("ingest", "normalise", "load"):
        assert "5511955550001" not in stack.logs(part)


def test_a_worker_that_was_suspended_ends_and_its_successor_continues(stack: Stack) -> None:
    stack.kill("load", signal.SIGSTOP)
    Traffic(50, seed=10).post(stack)
    beat = stack.heartbeat("load")["at"]
    wait_until("half a session has passed", lambda: time.time() - beat > stack.config.streams.session_seconds)
    stack.kill("load", signal.SIGCONT)
    assert wait_until("the suspended worker ends", lambda: stack.processes["load"].poll()) == EXIT_BROKEN
    stack.start("load")
    stack.ready()
    stack.wait_until_loaded()
    assert digest(stack)[0] == 50
    assert published(stack) == in_clickhouse(stack)


def test_two_load_workers_share_the_work_and_one_that_is_killed_is_replaced(stack: Stack) -> None:
    stack.start("load-1")
    traffic = Traffic(600, seed=11)
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(traffic.post, stack)
        wait_until("events arrive", lambda: event_rows(stack) > 100)
        stack.kill("load-1")
        posting.result(300)
    stack.wait_until_loaded()
    assert rates(stack) == traffic.truth
    assert published(stack) == in_clickhouse(stack)
