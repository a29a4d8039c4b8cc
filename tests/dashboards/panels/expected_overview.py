"""What the panels of Overview must answer."""

from schemas.error_codes import classify
from tests.dashboards.panels.expected import (
    Answer,
    Question,
    Row,
    by,
    count_stat,
    everything,
    rates,
    rates_table,
    share,
    share_stat,
)
from tests.dashboards.panels.model import Unit, utc


def _deliverable(unit: Unit) -> bool:
    """Not held back by a policy and not broken by us."""
    about = classify(unit.provider, unit.error_code).error_class
    ours = about in ("window", "template") or unit.error_code in ("131042", "63020") or unit.error_code[:3] == "132"
    return not (unit.failed and (about == "policy" or ours))


def _rates_over_time(units: list[Unit], q: Question) -> list[Row]:
    rows = []
    for at, inside in sorted(by(q.sent(units), q.bucket_of).items()):
        found = rates(inside, q.now)
        for series, part, whole in (
            ("Delivered / sent", "delivered", "sent"),
            ("Read / delivered", "read", "delivered"),
        ):
            rows.append({
                "at": at, "series": series, "rate": share(found[part], found[whole]), "numerator": found[part],
                "denominator": found[whole], "provisional": found["provisional"],
            })  # fmt: skip
    return rows


def _volumes_over_time(units: list[Unit], q: Question) -> list[Row]:
    return [
        {"at": at, "series": word.capitalize(), "messages": sum(getattr(unit, word) for unit in inside)}
        for at, inside in sorted(by(q.sent(units), q.bucket_of).items())
        for word in ("delivered", "failed", "pending")
    ]


def _campaigns(units: list[Unit], q: Question) -> list[Row]:
    found = by((unit for unit in q.sent(units) if unit.campaign), lambda unit: unit.campaign)
    rows = [
        {"campaign": name, "began": utc(min(unit.slot for unit in inside)), **rates(inside, q.now)}
        for name, inside in sorted(found.items())
    ]
    return sorted(rows, key=lambda row: row["began"], reverse=True)


def _received(units: list[Unit], q: Question) -> list[Row]:
    direct = [[u for u in q.received(units, before=before) if not u.is_group] for before in (False, True)]
    return [{"received": len(direct[0]), "received_before": len(direct[1])}]


def _inbound_over_time(units: list[Unit], q: Question) -> list[Row]:
    found = by(q.received(units), lambda unit: (q.bucket_of(unit), "In groups" if unit.is_group else "Direct"))
    return [{"at": at, "series": series, "received": len(inside)} for (at, series), inside in sorted(found.items())]


def _reconciliation(units: list[Unit], q: Question) -> list[Row]:
    found = q.sent(units, groups=None)
    counts = {word: sum(getattr(unit, word) for unit in found) for word in ("delivered", "failed", "pending")}
    return [{"residual": 0, "sent": len(found), **counts}]


EXPECTED: dict[str, Answer] = {
    "sent": count_stat(everything),
    "delivered": count_stat(lambda unit: unit.delivered),
    "read": count_stat(lambda unit: unit.read),
    "failed": count_stat(lambda unit: unit.failed),
    "pending": count_stat(lambda unit: unit.pending),
    "received": _received,
    "delivery-rate": share_stat("delivered", "sent", lambda unit: unit.delivered, everything),
    "read-rate": share_stat("read", "delivered", lambda unit: unit.read, lambda unit: unit.delivered),
    "deliverability": share_stat("delivered", "deliverable", lambda unit: unit.delivered, _deliverable),
    "orphan-share": share_stat("orphan", "sent", lambda unit: unit.orphan, everything),
    "rates-over-time": _rates_over_time,
    "volumes-over-time": _volumes_over_time,
    "campaigns": _campaigns,
    "inbound-over-time": _inbound_over_time,
    "groups": rates_table("source", groups=True),
    "status-reconciliation": _reconciliation,
}
