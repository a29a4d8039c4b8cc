"""What a public endpoint gets besides good messages: notices, forgeries, broken and foreign bodies. Pure."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from deploy.demo import wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.demo.facts import DAY, HOUR, MINUTE, SECOND, Account, Accounts, Fact, Request
from deploy.demo.world import World

SPARE_STATUSES = 5  # Meta statuses that travel beside broken siblings
SPARE_RECORDS = 3  # sent records that do


def requests(
    world: World, accounts: Accounts, statuses: list[Fact], records: list[Fact], max_body_bytes: int
) -> Iterator[Request]:
    """Everything odd, each with the answer and the dead letters that it must get."""
    yield from _notices(world, accounts)
    yield from _forgeries(world, accounts, max_body_bytes)
    yield from _broken(world, accounts)
    if len(statuses) == SPARE_STATUSES:
        yield _status_siblings(accounts.meta, statuses)
    if len(records) == SPARE_RECORDS:
        yield _record_siblings(accounts.meta, records)
    yield from _handshakes(world, accounts.meta)


def _when(world: World) -> int:
    return world.now - world.dice.randint(HOUR, 9 * DAY)


def _notice(world: World, account: Account, at: int) -> Fact:
    return Fact("system", account.source, at, at + SECOND, serial=world.ids.serial())


def _notices(world: World, accounts: Accounts) -> Iterator[Request]:
    meta, number = accounts.meta, "700600500400301"
    for field, value in _meta_notices(world.ids.mark):
        fact = _notice(world, meta, _when(world) // SECOND * SECOND)
        entry = {
            "id": wire_meta.NUMBERS[number][0],
            "time": (fact.at or 0) // SECOND,
            "changes": [{"field": field, "value": value}],
        }
        request = wire_meta.signed(meta, wire_meta.envelope([entry]), fact.arrival, facts=(fact,))
        yield request
        if field == "account_update":  # delivered again, as any body may be
            yield replace(request, arrival=request.arrival + MINUTE)
    for event, data in _wasender_notices(world.ids.mark):
        fact = _notice(world, accounts.wasender, _when(world))
        yield wire_wasender.signed(accounts.wasender, [fact], {"event": event, "timestamp": fact.at, "data": data})
    for event in ("instance.connected", "instance.disconnected", "instance.qr_ready"):
        fact = _notice(world, accounts.zapini, _when(world) // SECOND * SECOND)
        data = {"timestamp": wire_zapini.iso(fact.at or 0), "mark": f"{world.ids.mark}-{fact.serial}"}
        body = json.dumps({"event": event, "instance_id": "777", "data": data}).encode()
        yield wire_zapini.posted(accounts.zapini, body, fact.arrival, facts=(fact,))


def _meta_notices(mark: str) -> list[tuple[str, dict[str, Any]]]:
    template = {
        "message_template_id": int(mark, 16),
        "message_template_name": "black_friday",
        "message_template_language": "pt_BR",
    }
    quality = {"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"}
    flagged = {"display_phone_number": "447700900990", "event": "FLAGGED", "current_limit": "TIER_10K"}
    restricted = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": f"RESTRICTED_{mark}"}]}
    return [
        ("message_template_status_update", {**template, "event": "APPROVED", "reason": "NONE"}),
        ("message_template_status_update", {**template, "event": "PAUSED", "reason": "LOW_QUALITY"}),
        ("message_template_quality_update", {**template, **quality}),
        # The same words on two days are two things that happened.
        ("phone_number_quality_update", flagged),
        ("phone_number_quality_update", flagged),
        ("account_update", restricted),
        ("a_field_of_tomorrow", {"something": [1, {"new": mark}]}),
    ]  # fmt: skip


def _wasender_notices(mark: str) -> list[tuple[str, Any]]:
    return [
        ("session.status", {"status": "connected", "session_id": "sk-demo-session-fictional"}),
        ("session.status", {"status": "NEED_SCAN"}),
        ("session.status", {"status": "connected"}),
        ("qrcode.updated", {"qr": f"2@demo{mark}"}),
        ("call", {"call": {"id": mark, "from": "447700900123@s.whatsapp.net", "isVideo": False, "status": "ringing"}}),
        ("an.event.of.tomorrow", {"something": [1, 2]}),
    ]  # fmt: skip


def _forgeries(world: World, accounts: Accounts, max_body_bytes: int) -> Iterator[Request]:
    """Refused at the edge: nothing of them may be stored."""
    body = wire_meta.envelope([{"id": "1", "changes": [{"field": "forged", "value": {"mark": world.ids.mark}}]}])
    foreign = "0" * 32  # a secret of nobody
    for account, posted in (
        (accounts.meta, wire_meta.signed),
        (accounts.wasender, wire_wasender.posted),
        (accounts.zapini, wire_zapini.posted),
    ):
        if account.secret:
            yield replace(posted(replace(account, secret=foreign), body, _when(world)), answer=401)
            yield replace(posted(replace(account, secret=""), body, _when(world)), answer=401)
    good = wire_meta.signed(accounts.meta, body, _when(world))
    changed = good.body.replace(b"forged", b"FORGED")
    if accounts.meta.secret:
        yield replace(good, body=changed, answer=401)
    yield replace(good, path=f"/webhooks/nobody-{world.ids.mark.lower()}", answer=404)
    yield wire_meta.signed(accounts.meta, b" " * (max_body_bytes + 1), _when(world), answer=413)
    record = json.dumps({"message_id": "forged"}).encode()
    yield wire_sent.request(replace(accounts.meta, token=foreign), record, _when(world), answer=401)
    yield replace(wire_sent.request(accounts.meta, record, _when(world)), headers=(), answer=401)


def _broken(world: World, accounts: Accounts) -> Iterator[Request]:
    """Good credentials, useless content: stored, answered 200, kept as dead letters. Sent records are refused."""
    for account, posted in (
        (accounts.meta, wire_meta.signed),
        (accounts.wasender, wire_wasender.posted),
        (accounts.zapini, wire_zapini.posted),
    ):
        cut = posted(account, b'{"event":"messages.upsert","entry":[{"id"', _when(world))
        yield replace(cut, dead=("invalid_json",))
        yield replace(posted(account, b'{"hello":"world"}', _when(world)), dead=("unknown_shape",))
        yield replace(posted(account, b"\xff\xfe\x00", _when(world)), dead=("invalid_json",))
    yield wire_sent.request(accounts.meta, b'[{"to":"+447700900001"}]', _when(world), answer=400, refused=(0,))
    yield wire_sent.request(accounts.meta, b'[{"message_id":', _when(world), answer=400, refused=(0,))


def _status_siblings(account: Account, facts: list[Fact]) -> Request:
    """Broken statuses among good ones: each is a dead letter of its own, the good ones are events."""
    good = [wire_meta.status(fact) for fact in facts]
    value = wire_meta.metadata("700600500400301")
    statuses = [good[0], 17, good[1], {"status": "read", "timestamp": "1795176006"}, *good[2:], None]
    entry = {"id": "100200300400501", "changes": [{"field": "messages", "value": {**value, "statuses": statuses}}]}
    dead = ("bad_element",) * 3
    return wire_meta.signed(account, wire_meta.envelope([entry]), facts[-1].arrival, facts=tuple(facts), dead=dead)


def _record_siblings(account: Account, facts: list[Fact]) -> Request:
    """Refused records among good ones; the answer names them by index."""
    records: list[Any] = [wire_sent.record(fact) for fact in facts]
    records[1:1] = [{"to": "+447700900002"}, 5]
    records.append({"message_id": "demo", "sent_at": "yesterday"})
    body = "\n".join(json.dumps(record) for record in records).encode()
    return wire_sent.request(account, body, facts[-1].arrival, facts=tuple(facts), refused=(1, 2, 5))


def _handshakes(world: World, account: Account) -> Iterator[Request]:
    """Meta asks before it delivers."""
    for token, answer in ((account.verify_token, 200), ("a-token-of-nobody", 403)):
        if account.verify_token:
            query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
            yield Request(f"/webhooks/{account.source}?{query}", b"", (), _when(world), answer=answer, method="GET")
