"""What a public endpoint receives besides good messages: notices, forgeries, broken and unknown bodies."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from deploy.simulator import wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.simulator.facts import MINUTE, SECOND, Account, Fact, Request, with_bearer
from deploy.simulator.simulation import Simulation
from deploy.simulator.wire import posted
from schemas.parsing.json_types import Json, JsonObject

SPARE_STATUSES = 5  # good Meta statuses in one body with broken ones
SPARE_RECORDS = 3  # good sent records in one body with broken ones


def stored(
    sim: Simulation, accounts: Iterable[Account], spare: dict[str, tuple[list[Fact], list[Fact]]]
) -> Iterator[Request]:
    """All edge cases that are answered 200, with the dead letters that they must cause.

    `spare`: by source, the statuses and sent records for bodies that are partly broken; too few: no such body.
    """
    for account in accounts:
        yield from _notices(sim, account)
        yield from _broken(sim, account)
        statuses, records = spare.get(account.source, ([], []))
        if len(statuses) == SPARE_STATUSES:
            yield _partly_broken_statuses(account, statuses)
        if len(records) == SPARE_RECORDS:
            yield _partly_broken_records(account, records)


def refused(sim: Simulation, accounts: tuple[Account, ...], max_body_bytes: int) -> Iterator[Request]:
    """Requests that must not be stored, each with the answer that it must get, and Meta's handshakes."""
    for account in accounts:
        yield from _forgeries(sim, account)
    meta = next((account for account in accounts if account.provider == "meta"), None)
    if meta is not None:
        yield from _invalid_requests(sim, meta, max_body_bytes)
        yield from _handshakes(sim, meta)


def _any_time(sim: Simulation) -> int:
    return sim.rng.randint(sim.begin, sim.end - 1)


def _notice(sim: Simulation, account: Account, at: int) -> Fact:
    return Fact("system", account.source, at, at + SECOND, serial=sim.ids.serial())


def _notices(sim: Simulation, account: Account) -> Iterator[Request]:
    tag = f"{sim.ids.run_tag}-{sim.ids.serial()}"
    match account.provider:
        case "meta":
            yield from _meta_bodies(sim, account, tag)
        case "wasender":
            for event, data in _wasender_notices(tag):
                fact = _notice(sim, account, _any_time(sim))
                yield wire_wasender.signed(account, [fact], {"event": event, "timestamp": fact.at, "data": data})
        case "zapini":
            for event in ("instance.connected", "instance.disconnected", "instance.qr_ready"):
                fact = _notice(sim, account, _any_time(sim) // SECOND * SECOND)
                notice = {"timestamp": wire_zapini.iso(fact.at or 0), "mark": tag}
                body = json.dumps({"event": event, "instance_id": "777", "data": notice}).encode()
                yield with_bearer(account, body, fact.arrival, (fact,))


def _meta_bodies(sim: Simulation, account: Account, tag: str) -> Iterator[Request]:
    number = "700600500400301"
    for field, value in _meta_notices(tag):
        fact = _notice(sim, account, _any_time(sim) // SECOND * SECOND)
        entry: JsonObject = {
            "id": wire_meta.NUMBERS[number][0],
            "time": (fact.at or 0) // SECOND,
            "changes": [{"field": field, "value": {**value, "mark": f"{tag}-{fact.serial}"}}],
        }
        request = wire_meta.signed(account, wire_meta.envelope([entry]), fact.arrival, (fact,))
        yield request
        if field == "account_update":  # delivered again, as any body may be
            yield replace(request, arrival=request.arrival + MINUTE)


def _meta_notices(tag: str) -> list[tuple[str, JsonObject]]:
    template = {
        "message_template_id": 594425479261596,
        "message_template_name": "black_friday",
        "message_template_language": "pt_BR",
    }
    quality = {"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"}
    flagged: JsonObject = {
        "display_phone_number": "447700900990", "event": "FLAGGED", "current_limit": "TIER_10K",
    }  # fmt: skip
    restriction = [{"restriction_type": f"RESTRICTED_{tag}"}]
    return [
        ("message_template_status_update", {**template, "event": "APPROVED", "reason": "NONE"}),
        ("message_template_status_update", {**template, "event": "PAUSED", "reason": "LOW_QUALITY"}),
        ("message_template_quality_update", {**template, **quality}),
        # Equal contents on two days are two events.
        ("phone_number_quality_update", flagged),
        ("phone_number_quality_update", flagged),
        ("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": restriction}),
        ("a_field_of_tomorrow", {"something": [1, {"new": tag}]}),
    ]  # fmt: skip


def _wasender_notices(tag: str) -> list[tuple[str, JsonObject]]:
    call = {"id": tag, "from": "447700900123@s.whatsapp.net", "isVideo": False, "status": "ringing"}
    return [
        ("session.status", {"status": "connected", "session_id": "sk-demo-session-fictional"}),
        ("session.status", {"status": "NEED_SCAN"}),
        ("session.status", {"status": "connected"}),
        ("qrcode.updated", {"qr": f"2@demo{tag}"}),
        ("call", {"call": call}),
        ("an.event.of.tomorrow", {"something": [1, 2]}),
    ]  # fmt: skip


_WRONG_SECRET = "0" * 32


def _forgeries(sim: Simulation, account: Account) -> Iterator[Request]:
    """Bodies with a wrong and without a signature, where the source has a secret."""
    if account.secret:
        body = _forged(sim)
        for secret in (_WRONG_SECRET, ""):
            request = posted(replace(account, secret=secret), body, _any_time(sim))
            yield replace(request, expected_status=401)


def _forged(sim: Simulation) -> bytes:
    value = {"mark": sim.ids.run_tag}
    return wire_meta.envelope([{"id": "1", "changes": [{"field": "forged", "value": value}]}])


def _invalid_requests(sim: Simulation, account: Account, max_body_bytes: int) -> Iterator[Request]:
    """A changed body, an unknown source, a body too large, and sent records without permission or without content."""
    good = wire_meta.signed(account, _forged(sim), _any_time(sim))
    if account.secret:
        yield replace(good, body=good.body.replace(b"forged", b"FORGED"), expected_status=401)
    yield replace(good, path=f"/webhooks/nobody-{sim.ids.run_tag.lower()}", expected_status=404)
    too_large = wire_meta.signed(account, b" " * (max_body_bytes + 1), _any_time(sim))
    yield replace(too_large, expected_status=413)
    record = json.dumps({"message_id": "forged"}).encode()
    wrong_token = wire_sent.request(replace(account, token=_WRONG_SECRET), record, _any_time(sim))
    yield replace(wrong_token, expected_status=401)
    yield replace(wire_sent.request(account, record, _any_time(sim)), headers=(), expected_status=401)
    for body in (b'[{"to":"+447700900001"}]', b'[{"message_id":'):
        yield replace(wire_sent.request(account, body, _any_time(sim)), expected_status=400, refused=(0,))


def _broken(sim: Simulation, account: Account) -> Iterator[Request]:
    """Good credentials, useless content: stored, answered 200, kept as dead letters."""
    for body, reason in (
        (b'{"event":"messages.upsert","entry":[{"id"', "invalid_json"),
        (b'{"hello":"world"}', "unknown_shape"),
        (b"\xff\xfe\x00", "invalid_json"),
    ):
        yield replace(posted(account, body, _any_time(sim)), dead_letters=(reason,))


def _partly_broken_statuses(account: Account, facts: list[Fact]) -> Request:
    """Broken statuses among good ones: each is a dead letter of its own, the good ones are events."""
    good = [wire_meta.status(fact) for fact in facts]
    statuses: list[Json] = [
        good[0], 17, good[1], {"status": "read", "timestamp": "1795176006"}, *good[2:], None,
    ]  # fmt: skip
    value = {**wire_meta.metadata("700600500400301"), "statuses": statuses}
    entry: JsonObject = {"id": "100200300400501", "changes": [{"field": "messages", "value": value}]}
    request = posted(account, wire_meta.envelope([entry]), facts[-1].arrival, tuple(facts))
    return replace(request, dead_letters=("bad_element",) * 3)


def _partly_broken_records(account: Account, facts: list[Fact]) -> Request:
    """Refused records among good ones; the answer contains their indices."""
    records: list[Json] = [wire_sent.record(fact) for fact in facts]
    records[1:1] = [{"to": "+447700900002"}, 5]
    records.append({"message_id": "demo", "sent_at": "yesterday"})
    body = "\n".join(json.dumps(record) for record in records).encode()
    return replace(wire_sent.request(account, body, facts[-1].arrival, tuple(facts)), refused=(1, 2, 5))


def _handshakes(sim: Simulation, account: Account) -> Iterator[Request]:
    """Meta's GET requests that verify the address, with the right and with a wrong token."""
    for token, status in ((account.verify_token, 200), ("a-token-of-nobody", 403)):
        if account.verify_token:
            query = f"hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}"
            path = f"/webhooks/{account.source}?{query}"
            yield Request(path, b"", (), _any_time(sim), expected_status=status, method="GET")
