"""Prints the demo's result: the rates in the tables and in the truth, and the differences."""

from collections import defaultdict
from dataclasses import astuple
from datetime import UTC, datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.simulator.demo.compare import Difference
from deploy.simulator.truth import Counts, Group

SHOWN = 20  # differences that are printed
_NUMBERS = ("sent", "deliv.", "read", "failed", "pending", "orphan")
_MIN_TIME_MS = 1_230_768_000_000  # a number of at least this size is a time of 2009 or later


def rates_table(truth: dict[Group, Counts], table: dict[Group, Counts], *, plain: bool) -> Table:
    """Per source and campaign the numbers of ClickHouse, below them those of the truth, and whether all are equal.

    Fits a terminal of 90 columns.
    """
    # A box separates its columns by a blank of its own.
    view = Table(
        title="Delivery and read rates of this run", title_justify="left", show_edge=False,
        box=None if plain else SIMPLE_HEAD, padding=(0, 1, 0, 0) if plain else 0,
    )  # fmt: skip
    view.add_column("campaign", no_wrap=True)
    view.add_column("", no_wrap=True)
    for name in (*_NUMBERS, "deliv.%", "read%"):
        view.add_column(name, justify="right", no_wrap=True)
    wanted_rows, table_rows = _by_campaign(truth), _by_campaign(table)
    total = Counts(), Counts()
    source = ""
    for key in sorted(wanted_rows.keys() | table_rows.keys()):
        wanted, got = wanted_rows.get(key, Counts()), table_rows.get(key, Counts())
        total = total[0] + wanted, total[1] + got
        if key[0] != source:
            source = key[0]
            view.add_row(source, style="" if plain else "bold")
        _add(view, f"  {key[1] or '-'}{', groups' if key[2] else ''}", wanted, got, plain=plain)
    _add(view, "all", *total, plain=plain)
    return view


def _by_campaign(rates: dict[Group, Counts]) -> dict[tuple[str, str, bool], Counts]:
    sums: dict[tuple[str, str, bool], Counts] = defaultdict(Counts)
    for group, counts in rates.items():
        sums[group.source, group.campaign, group.is_group] += counts
    return dict(sums)


def _add(view: Table, name: str, wanted: Counts, got: Counts, *, plain: bool) -> None:
    equal = wanted == got
    mark = ("yes" if equal else "NO") if plain else ("[green]✓[/]" if equal else "[bold red]✗[/]")
    view.add_row(name, "table", *_cells(got))
    view.add_row("", f"truth {mark}", *_cells(wanted), style="" if plain else "dim")


def _cells(counts: Counts) -> list[str]:
    return [
        *(f"{number:,}" for number in astuple(counts)),
        _percent(counts.delivered, counts.sent),
        _percent(counts.read, counts.delivered),
    ]


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def print_differences(console: Console, differences: list[Difference]) -> None:
    """Prints the first differences, one per line, and the number of the others."""
    for difference in differences[:SHOWN]:
        values = "" if difference.truth is difference.table is None else _values(difference)
        console.print(Text(difference.what + values), soft_wrap=True)
    if len(differences) > SHOWN:
        console.print(f"... and {len(differences) - SHOWN:,} more", highlight=False)


def _values(difference: Difference) -> str:
    return f": truth {_value(difference.truth)}, table {_value(difference.table)}"


def _value(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= _MIN_TIME_MS:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
