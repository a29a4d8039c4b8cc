"""Formats of the settings end to end: an own provider, a mapping, addresses with a secret and a subpath, gzip."""

import gzip
import json
from pathlib import Path

import pytest

from tests.support.stack import TOKEN, Stack

SEGMENT = "fictional-segment-of-the-address"
ACME = Path(__file__).parents[1] / "own_provider" / "acme.py"
SOURCES = """
[sources.acme]
provider = "acme"
auth.header = { name = "X-Acme", secrets = [{ env = "TEST_TOKEN" }] }

[sources.evolution]
provider = "evolution"
auth.path = { secrets = [{ file = "segment" }] }

[sources.mapped]
provider = "generic"
[sources.mapped.mapping]
rules = [{ kind = "status", when = "state", fields = { message_id = "id", status = "state" } }]
"""
LATER_RULE = 'rules = [{ kind = "status", fields = { message_id = "id || nr", status = "state || \'sent\'" } }]'


@pytest.fixture
def own(bare_kafka: Stack) -> Stack:
    """The stack with a folder of own providers and with sources for them."""
    folder = bare_kafka.folder
    (folder / "mine").mkdir()
    (folder / "mine" / "acme.py").write_text(ACME.read_text())
    (folder / "segment").write_text(SEGMENT)
    settings = folder / "ackstream.toml"
    settings.write_text('providers = ["mine"]\n' + settings.read_text() + SOURCES)
    for part in ("clickhouse", "ingest", "normalise", "load"):
        bare_kafka.start(part)
    bare_kafka.ready()
    return bare_kafka


def found(stack: Stack) -> list[tuple[str, str, str]]:
    rows = stack.query("SELECT source, kind, message_id FROM events ORDER BY source, message_id")
    return [(row["source"], row["kind"], row["message_id"]) for row in rows]


def test_bodies_of_own_formats_reach_the_tables_and_are_parsed_again_after_a_change(own: Stack) -> None:
    message = json.dumps({"id": "A-1", "phone": "5511955554444", "words": "oi"}).encode()
    assert own.post("/webhooks/acme", message)[0] == 401
    assert own.post("/webhooks/acme", message, {"X-Acme": TOKEN})[0] == 200
    upsert = {"key": {"id": "3EB0EV", "remoteJid": "5511955554444@s.whatsapp.net"}, "message": {"conversation": "oi"}}
    body = json.dumps({"event": "messages.upsert", "instance": "shop", "data": upsert}).encode()
    assert own.post("/webhooks/evolution/messages-upsert", body)[0] == 401
    assert own.post(f"/webhooks/evolution/{SEGMENT}/messages-upsert", body)[0] == 200
    packed = gzip.compress(b'[{"id": "M-1", "state": "read"}, {"nr": "M-2"}]')
    assert own.post("/Webhooks//mapped/", packed, {"Content-Encoding": "gzip"})[0] == 200
    own.wait_until_loaded()
    parsed = [("acme", "inbound", "A-1"), ("evolution", "inbound", "3EB0EV"), ("mapped", "status", "M-1")]
    assert found(own) == parsed
    assert own.query("SELECT source, reason FROM dead_letters") == [{"source": "mapped", "reason": "unknown_shape"}]

    settings = own.folder / "ackstream.toml"
    text = settings.read_text()
    start = text.rindex("rules = ")
    settings.write_text(text[:start] + LATER_RULE + "\n")
    assert "1 parsed now" in own.run("dead", "retry", "--all").stdout
    own.wait_until_loaded()
    assert found(own) == [*parsed, ("mapped", "status", "M-2")]
    assert own.query("SELECT count() AS n FROM dead_letters") == [{"n": 0}]
    own.run("replay", "--from", "beginning")
    assert len(found(own)) == 4
    assert "nothing lost" in own.run("check", "--wait").stdout
    assert SEGMENT not in own.logs("ingest")
