"""The words of a check: for people, and as JSON. Pure but for the screen."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

import orjson
from rich.console import Console

from dashboards.terminal import console, table
from deploy.simulator.table_check import Verdict
from schemas.parsing.times import to_iso
from streams.reconcile import ledger
from streams.reconcile.ledger import Line
from streams.reconcile.model import KINDS, Place, Residual
from streams.reconcile.run import Report

# Residuals of one kind that are shown to people; --json tells all.
_SHOWN: Final = 10
_COLUMNS: Final = (
    "stored", "spooled", "understood", "dead_bodies", "split", "loaded", "events", "duplicates", "dead", "joined",
    "orphan", "waiting", "residual",
)  # fmt: skip
_TITLES: Final = {"understood": "underst.", "dead_bodies": "dead b.", "duplicates": "dupl.", "dead": "letters"}


def hour_name(hour: int) -> str:
    """The hour of a place for people."""
    return to_iso(hour)[:13].replace("T", " ") + "h" if hour else "-"


def show(found: Report, screen: Console | None = None) -> None:
    """Prints the ledger, the residuals by kind and by name, and the verdict."""
    screen = screen or console()
    places = sorted(found.ledger)
    rows = [_row(where.source, hour_name(where.hour), found.ledger[where]) for where in places]
    rows.append(_row("total", "", ledger.total(found.ledger.values())))
    screen.print(table(("source", "hour UTC", *(_TITLES.get(name, name) for name in _COLUMNS)), rows))
    for kind, count in found.found.by_kind().items():
        if count:
            screen.print(f"{count:,} {KINDS[kind]} ({kind})", highlight=False, style="red")
            _print_named(screen, [residual for residual in found.found.residuals if residual.kind == kind])
    for note in (*found.found.notes, *way(found)):
        screen.print(note, markup=False, highlight=False)
    for hint in hints(found):
        screen.print(hint, markup=False, highlight=False)
    screen.print(verdict(found), markup=False, highlight=False)


def _row(source: str, hour: str, line: Line) -> tuple[Any, ...]:
    return (source, hour, *(getattr(line, name) for name in _COLUMNS))


def _print_named(screen: Console, residuals: list[Residual]) -> None:
    for residual in residuals[:_SHOWN]:
        where = f"{residual.place.source or '-'} {hour_name(residual.place.hour)}"
        screen.print(f"  {where}: {residual.what}", markup=False, highlight=False)
    if len(residuals) > _SHOWN:
        screen.print(f"  and {len(residuals) - _SHOWN:,} more: --json names them", markup=False, highlight=False)


def way(found: Report) -> list[str]:
    """What is still on its way, in a sentence; nothing when nothing is. Pure."""
    on = found.in_transit
    parts = [f"{on.spooled:,} bodies in the spool"] if on.spooled else []
    parts += [f"{on.normalise:,} bodies before normalise"] if on.normalise else []
    parts += [f"{on.load:,} records before load"] if on.load else []
    return [f"on the way, and so in no residual: {', '.join(parts)}"] if parts else []


def hints(found: Report) -> list[str]:
    """What mends what was found. Pure."""
    kinds = {kind for kind, count in found.found.by_kind().items() if count}
    said = []
    if kinds & {"body_lost", "lost", "dead_lost", "event_lost", "unit_lost"}:
        said.append(f"what is lost comes back from wa.raw: `ackstream replay {_replayed(found.found.residuals)}`")
    if "dead_extra" in kinds:
        said.append("`ackstream dead retry` takes away the letter of what is understood")
    if "published" in kinds:
        said.append("`ackstream check --repair` publishes again what differs in wa.messages")
    if "copy" in kinds:
        said.append("the analytics worker mends the copy at its start and once a day: see `make status`")
    return said


def _replayed(residuals: Iterable[Residual]) -> str:
    hours = [residual.place.hour for residual in residuals if residual.place.hour]
    return f"--from {to_iso(min(hours))}" if hours else "--from beginning"


def verdict(found: Report) -> str:
    """The last line. Pure."""
    line = ledger.total(found.ledger.values())
    looked = "bodies by number alone" if found.fast else f"{line.loaded:,} deliveries, {found.units:,} units"
    if found.found.total:
        return f"{line.stored:,} bodies, {looked}: residual {found.found.total:,}"
    return f"{line.stored:,} bodies, {looked}: residual 0, nothing lost and nothing counted twice"


def as_json(found: Report) -> str:
    """Everything as one JSON object."""
    window = {"from": found.window.from_ms, "to": found.window.to_ms}
    told = {
        "residual": found.found.total,
        "residuals": found.found.by_kind(),
        "named": [_named(residual) for residual in found.found.residuals],
        "on_the_way": asdict(found.in_transit),
        "notes": found.found.notes,
        "window": {name: None if ms is None else to_iso(ms) for name, ms in window.items()},
        "fast": found.fast,
        "units": found.units,
        "total": asdict(ledger.total(found.ledger.values())),
        "ledger": [_place(where) | asdict(line) for where, line in sorted(found.ledger.items())],
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


def _named(residual: Residual) -> dict[str, Any]:
    return {"kind": residual.kind, **_place(residual.place), "what": residual.what, "count": residual.count}


def _place(where: Place) -> dict[str, Any]:
    return {"source": where.source, "hour": to_iso(where.hour) if where.hour else None}


def show_verdict(verdict: Verdict, screen: Console | None = None) -> None:
    """Prints what a comparison with a simulation's truth found."""
    screen = screen or console()
    for kind, count in verdict.by_kind().items():
        if count:
            screen.print(f"{count:,} {kind}", highlight=False, style="red")
            named = [one.what for one in verdict.wrong if one.kind == kind]
            for what in named[:_SHOWN]:
                screen.print(f"  {what}", markup=False, highlight=False)
            if len(named) > _SHOWN:
                screen.print(f"  and {len(named) - _SHOWN:,} more: --json names them", markup=False, highlight=False)
    counts = ", ".join(f"{kind} {count:,}" for kind, count in verdict.by_kind().items())
    screen.print(
        f"run {verdict.run}: {verdict.units:,} units against the truth: {counts}", markup=False, highlight=False
    )


def verdict_json(verdict: Verdict) -> str:
    """The same as one JSON object."""
    named = [asdict(one) for one in verdict.wrong]
    told = {"run": verdict.run, "units": verdict.units, **verdict.by_kind(), "named": named}
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()
