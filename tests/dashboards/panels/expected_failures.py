"""What the panels of Failures must answer."""

from collections import Counter

from schemas.error_codes import classify
from tests.dashboards.panels.expected import Answer, Question, Row, by, everything, provisional, share, share_stat
from tests.dashboards.panels.model import Unit, utc


def _class(unit: Unit) -> str:
    return classify(unit.provider, unit.error_code).error_class


def _failed(units: list[Unit], q: Question, *, groups: bool | None = False) -> list[Unit]:
    return [unit for unit in q.sent(units, groups=groups) if unit.failed]


def _of_class(wanted: str) -> Answer:
    return lambda units, q: [{"failures": sum(_class(unit) == wanted for unit in _failed(units, q, groups=None))}]


def _codes(*, groups: bool) -> Answer:
    def rows(units: list[Unit], q: Question) -> list[Row]:
        failed = _failed(units, q, groups=groups)
        counts = Counter((unit.error_code, unit.provider) for unit in failed)
        rows = []
        for (code, provider), failures in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
            known = classify(provider, code)
            rows.append({
                "code": code, "provider": provider, "description": known.title, "class": known.error_class,
                "action": known.action, "failures": failures, "failure_share": share(failures, len(failed)),
                "all_failures": len(failed),
            })  # fmt: skip
        return rows

    return rows


def _trend(units: list[Unit], q: Question) -> list[Row]:
    counts = Counter((q.bucket_of(unit), _class(unit)) for unit in _failed(units, q))
    return [{"at": at, "class": word, "failures": failures} for (at, word), failures in sorted(counts.items())]


def _unknown(units: list[Unit], q: Question) -> list[Row]:
    unknown = (unit for unit in _failed(units, q, groups=None) if _class(unit) == "unknown")
    found = by(unknown, lambda unit: (unit.error_code, unit.provider))
    return [
        {
            "code": code, "provider": provider, "failures": len(inside),
            "first_sent": utc(min(unit.slot for unit in inside)),
            "sources": ", ".join(sorted({unit.source for unit in inside})),
        }
        for (code, provider), inside in sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    ]  # fmt: skip


def _split(name: str) -> Answer:
    def row(key: str, inside: list[Unit], now: int) -> Row:
        codes = Counter(unit.error_code for unit in inside if unit.failed)
        failures, code = max((count, code) for code, count in codes.items())
        return {
            name: key, "failed": codes.total(), "sent": len(inside),
            "failure_rate": share(codes.total(), len(inside)), "main_code": code, "main_failed": failures,
            "provisional": provisional(inside, now),
        }  # fmt: skip

    def rows(units: list[Unit], q: Question) -> list[Row]:
        found = by(q.sent(units), lambda unit: getattr(unit, name))
        rows = [row(key, inside, q.now) for key, inside in found.items() if any(unit.failed for unit in inside)]
        return sorted(rows, key=lambda row: (-row["failed"], row[name]))

    return rows


def masked(person: str, mask: int) -> str:
    if not mask or not person:
        return person
    return f"{person[:3]}…{person[-3:]}" if len(person) >= 9 else "…"


def _samples(units: list[Unit], q: Question) -> list[Row]:
    failed = sorted(_failed(units, q, groups=None), key=lambda unit: (unit.message_id, unit.participant))
    failed.sort(key=lambda unit: unit.cohort_at, reverse=True)
    return [
        {
            "sent": utc(unit.cohort_at),
            "failed_at": utc(unit.times["failed"].at), "source": unit.source, "message": unit.message_id,
            "recipient": masked(unit.customer, q.mask), "code": unit.error_code, "title": unit.error_title,
            "class": _class(unit), "template": unit.template, "campaign": unit.campaign,
        }
        for unit in failed[:100]
    ]  # fmt: skip


EXPECTED: dict[str, Answer] = {
    "failure-share": share_stat("failed", "sent", lambda unit: unit.failed, everything),
    "account-danger": _of_class("account"),
    "unknown-code-count": _of_class("unknown"),
    "no-code-count": _of_class("none"),
    "failure-codes": _codes(groups=False),
    "group-failure-codes": _codes(groups=True),
    "failure-trend": _trend,
    "unknown-codes": _unknown,
    "failure-samples": _samples,
    **{f"failures-by-{name}": _split(name) for name in ("source", "template", "campaign", "country")},
}
