"""The report of a check: for people, and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console

from dashboards.terminal import console, table
from deploy.simulator.table_check import Verdict
from schemas.parsing.json_text import dumps_indented
from schemas.parsing.times import to_iso
from streams.reconcile import ledger
from streams.reconcile.ledger import LedgerLine
from streams.reconcile.model import KINDS, Residual, SourceHour
from streams.reconcile.run import Report

# Residuals of one kind that are printed; --json prints all of them.
_SHOWN: Final = 10
_COLUMNS: Final = (
    "stored", "spooled", "understood", "dead_bodies", "split", "loaded", "events", "duplicates", "dead", "joined",
    "orphan", "waiting", "residual",
)  # fmt: skip
_TITLES: Final = {"understood": "parsed", "dead_bodies": "dead b.", "duplicates": "dupl.", "dead": "dead el."}


def hour_name(hour: int) -> str:
    """The hour as it is printed; "-" when it is not known."""
    return to_iso(hour)[:13].replace("T", " ") + "h" if hour else "-"


def show(report: Report, screen: Console | None = None) -> None:
    """Prints the ledger, the residuals by kind and by name, and the verdict."""
    screen = screen or console()
    places = sorted(report.ledger)
    rows = [_row(where.source, hour_name(where.hour), report.ledger[where]) for where in places]
    rows.append(_row("total", "", ledger.total(report.ledger.values())))
    screen.print(table(("source", "hour UTC", *(_TITLES.get(name, name) for name in _COLUMNS)), rows))
    for kind, count in report.findings.by_kind().items():
        if count:
            screen.print(f"{count:,} {KINDS[kind]} ({kind})", highlight=False, style="red")
            _print_named(screen, [residual for residual in report.findings.residuals if residual.kind == kind])
    for note in (*report.findings.notes, *in_transit(report)):
        screen.print(note, markup=False, highlight=False)
    for hint in hints(report):
        screen.print(hint, markup=False, highlight=False)
    screen.print(verdict(report), markup=False, highlight=False)


def _row(source: str, hour: str, line: LedgerLine) -> tuple[Any, ...]:
    return (source, hour, *(getattr(line, name) for name in _COLUMNS))


def _print_named(screen: Console, residuals: list[Residual]) -> None:
    for residual in residuals[:_SHOWN]:
        where = f"{residual.place.source or '-'} {hour_name(residual.place.hour)}"
        screen.print(f"  {where}: {residual.what}", markup=False, highlight=False)
    if len(residuals) > _SHOWN:
        screen.print(f"  and {len(residuals) - _SHOWN:,} more: --json names them", markup=False, highlight=False)


def in_transit(report: Report) -> list[str]:
    """What the workers have not processed yet, in at most one sentence."""
    counts = report.in_transit
    parts = [f"{counts.spooled:,} bodies in the spool"] if counts.spooled else []
    parts += [f"{counts.normalise:,} bodies before normalise"] if counts.normalise else []
    parts += [f"{counts.load:,} records before load"] if counts.load else []
    return [f"not processed yet, and so in no residual: {', '.join(parts)}"] if parts else []


def hints(report: Report) -> list[str]:
    """The commands that repair the differences."""
    kinds = {kind for kind, count in report.findings.by_kind().items() if count}
    lines = []
    if kinds & {"body_lost", "lost", "dead_lost", "event_lost", "unit_lost"}:
        lines.append(f"`ackstream replay {_replayed(report.findings.residuals)}` restores from wa.raw what is lost")
    if "dead_extra" in kinds:
        lines.append("`ackstream dead retry` removes the dead letters of elements that can be parsed")
    if "published" in kinds:
        lines.append("`ackstream check --repair` publishes the rows of wa.messages that differ")
    if "gap" in kinds:
        lines.append(
            "what Kafka has deleted cannot be restored: `ackstream check --accept-gap REASON` records a decision"
        )
    if "copy" in kinds:
        lines.append("the analytics worker repairs the copy when it starts and once a day: see `make status`")
    return lines


def _replayed(residuals: Iterable[Residual]) -> str:
    hours = [residual.place.hour for residual in residuals if residual.place.hour]
    return f"--from {to_iso(min(hours))}" if hours else "--from beginning"


def verdict(report: Report) -> str:
    """The last line."""
    line = ledger.total(report.ledger.values())
    compared = "not parsed" if report.fast else f"{line.loaded:,} deliveries, {report.units:,} units"
    if report.findings.total:
        return f"{line.stored:,} bodies, {compared}: residual {report.findings.total:,}"
    lost = f"besides {report.accepted_gap:,} records of accepted gaps nothing" if report.accepted_gap else "nothing"
    return f"{line.stored:,} bodies, {compared}: residual 0, {lost} lost and nothing counted twice"


def as_json(report: Report) -> bytes:
    """Everything as one JSON object."""
    window = {"from": report.window.from_ms, "to": report.window.to_ms}
    result = {
        "residual": report.findings.total,
        "residuals": report.findings.by_kind(),
        "named": [_named(residual) for residual in report.findings.residuals],
        "on_the_way": asdict(report.in_transit),
        "notes": report.findings.notes,
        "window": {name: None if ms is None else to_iso(ms) for name, ms in window.items()},
        "fast": report.fast,
        "units": report.units,
        "total": asdict(ledger.total(report.ledger.values())),
        "ledger": [_place(where) | asdict(line) for where, line in sorted(report.ledger.items())],
    }
    return dumps_indented(result)


def _named(residual: Residual) -> dict[str, Any]:
    return {"kind": residual.kind, **_place(residual.place), "what": residual.what, "count": residual.count}


def _place(where: SourceHour) -> dict[str, Any]:
    return {"source": where.source, "hour": to_iso(where.hour) if where.hour else None}


def show_verdict(verdict: Verdict, screen: Console | None = None) -> None:
    """Prints the result of a comparison with a simulation's truth."""
    screen = screen or console()
    for kind, count in verdict.by_kind().items():
        if count:
            screen.print(f"{count:,} {kind}", highlight=False, style="red")
            named = [one.what for one in verdict.mismatches if one.kind == kind]
            for what in named[:_SHOWN]:
                screen.print(f"  {what}", markup=False, highlight=False)
            if len(named) > _SHOWN:
                screen.print(f"  and {len(named) - _SHOWN:,} more: --json names them", markup=False, highlight=False)
    counts = ", ".join(f"{kind} {count:,}" for kind, count in verdict.by_kind().items())
    screen.print(
        f"run {verdict.run}: {verdict.units:,} units against the truth: {counts}", markup=False, highlight=False
    )


def verdict_json(verdict: Verdict) -> bytes:
    """The result of such a comparison as one JSON object."""
    named = [asdict(one) for one in verdict.mismatches]
    result = {"run": verdict.run, "units": verdict.units, **verdict.by_kind(), "named": named}
    return dumps_indented(result)
