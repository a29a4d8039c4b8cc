"""What a public endpoint gets besides good messages: notices, forgeries, broken and foreign bodies. Pure."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from deploy.simulator import wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.simulator.facts import MINUTE, SECOND, Account, Fact, Request, with_bearer
from deploy.simulator.wire import posted
from deploy.simulator.world import World

SPARE_STATUSES = 5  # Meta statuses that travel beside broken siblings
SPARE_RECORDS = 3  # sent records that do


def stored(
    world: World, accounts: Iterable[Account], spare: dict[str, tuple[list[Fact], list[Fact]]]
) -> Iterator[Request]:
    """Everything odd that is answered 200, with the dead letters that it must leave.

    `spare`: by source, the statuses and sent records that travel beside broken ones; it is no error to have none.
    """
    for account in accounts:
        yield from _notices(world, account)
        yield from _broken(world, account)
        statuses, records = spare.get(account.source, ([], []))
        if len(statuses) == SPARE_STATUSES:
            yield _status_siblings(account, statuses)
        if len(records) == SPARE_RECORDS:
            yield _record_siblings(account, records)


def refused(world: World, accounts: tuple[Account, ...], max_body_bytes: int) -> Iterator[Request]:
    """What must not be stored, each with the answer that it must get, and Meta's handshakes."""
    for account in accounts:
        yield from _forgeries(world, account)
    meta = next((account for account in accounts if account.provider == "meta"), None)
    if meta is not None:
        yield from _foreign(world, meta, max_body_bytes)
        yield from _handshakes(world, meta)


def _when(world: World) -> int:
    return world.dice.randint(world.begin, world.end - 1)


def _notice(world: World, account: Account, at: int) -> Fact:
    return Fact("system", account.source, at, at + SECOND, serial=world.ids.serial())


def _notices(world: World, account: Account) -> Iterator[Request]:
    mark = f"{world.ids.mark}-{world.ids.serial()}"
    match account.provider:
        case "meta":
            yield from _meta_bodies(world, account, mark)
        case "wasender":
            for event, data in _wasender_notices(mark):
                fact = _notice(world, account, _when(world))
                yield wire_wasender.signed(account, [fact], {"event": event, "timestamp": fact.at, "data": data})
        case "zapini":
            for event in ("instance.connected", "instance.disconnected", "instance.qr_ready"):
                fact = _notice(world, account, _when(world) // SECOND * SECOND)
                data = {"timestamp": wire_zapini.iso(fact.at or 0), "mark": mark}
                body = json.dumps({"event": event, "instance_id": "777", "data": data}).encode()
                yield with_bearer(account, body, fact.arrival, facts=(fact,))


def _meta_bodies(world: World, account: Account, mark: str) -> Iterator[Request]:
    number = "700600500400301"
    for field, value in _meta_notices(mark):
        fact = _notice(world, account, _when(world) // SECOND * SECOND)
        entry = {
            "id": wire_meta.NUMBERS[number][0],
            "time": (fact.at or 0) // SECOND,
            "changes": [{"field": field, "value": {**value, "mark": f"{mark}-{fact.serial}"}}],
        }
        request = wire_meta.signed(account, wire_meta.envelope([entry]), fact.arrival, facts=(fact,))
        yield request
        if field == "account_update":  # delivered again, as any body may be
            yield replace(request, arrival=request.arrival + MINUTE)


def _meta_notices(mark: str) -> list[tuple[str, dict[str, Any]]]:
    template = {
        "message_template_id": 594425479261596,
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


_FOREIGN = "0" * 32  # a secret of nobody


def _forgeries(world: World, account: Account) -> Iterator[Request]:
    """Refused at the edge: nothing of them may be stored."""
    if account.secret:
        body = _forged(world)
        yield replace(posted(replace(account, secret=_FOREIGN), body, _when(world)), answer=401)
        yield replace(posted(replace(account, secret=""), body, _when(world)), answer=401)


def _forged(world: World) -> bytes:
    return wire_meta.envelope([{"id": "1", "changes": [{"field": "forged", "value": {"mark": world.ids.mark}}]}])


def _foreign(world: World, account: Account, max_body_bytes: int) -> Iterator[Request]:
    """A body that was changed on the way, one for nobody, one too large, sent records without a right to be sent."""
    good = wire_meta.signed(account, _forged(world), _when(world))
    changed = good.body.replace(b"forged", b"FORGED")
    if account.secret:
        yield replace(good, body=changed, answer=401)
    yield replace(good, path=f"/webhooks/nobody-{world.ids.mark.lower()}", answer=404)
    yield wire_meta.signed(account, b" " * (max_body_bytes + 1), _when(world), answer=413)
    record = json.dumps({"message_id": "forged"}).encode()
    yield wire_sent.request(replace(account, token=_FOREIGN), record, _when(world), answer=401)
    yield replace(wire_sent.request(account, record, _when(world)), headers=(), answer=401)
    yield wire_sent.request(account, b'[{"to":"+447700900001"}]', _when(world), answer=400, refused=(0,))
    yield wire_sent.request(account, b'[{"message_id":', _when(world), answer=400, refused=(0,))


def _broken(world: World, account: Account) -> Iterator[Request]:
    """Good credentials, useless content: stored, answered 200, kept as dead letters."""
    cut = posted(account, b'{"event":"messages.upsert","entry":[{"id"', _when(world))
    yield replace(cut, dead=("invalid_json",))
    yield replace(posted(account, b'{"hello":"world"}', _when(world)), dead=("unknown_shape",))
    yield replace(posted(account, b"\xff\xfe\x00", _when(world)), dead=("invalid_json",))


def _status_siblings(account: Account, facts: list[Fact]) -> Request:
    """Broken statuses among good ones: each is a dead letter of its own, the good ones are events."""
    good = [wire_meta.status(fact) for fact in facts]
    value = wire_meta.metadata("700600500400301")
    statuses = [good[0], 17, good[1], {"status": "read", "timestamp": "1795176006"}, *good[2:], None]
    entry = {"id": "100200300400501", "changes": [{"field": "messages", "value": {**value, "statuses": statuses}}]}
    dead = ("bad_element",) * 3
    return posted(account, wire_meta.envelope([entry]), facts[-1].arrival, facts=tuple(facts), dead=dead)


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
