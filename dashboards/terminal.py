"""Query results as a table for people. Pure but for the width of the terminal, which the caller gives."""

import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_ROWS = 1000  # a person does not read more; the other formats print all


def console() -> Console:
    """The screen; where there is none, lines as wide as a row needs, which nothing breaks."""
    return Console(width=None if sys.stdout.isatty() else 400, soft_wrap=not sys.stdout.isatty())


def cell(value: Any) -> str:
    """How one value is shown: rates with four digits, times with milliseconds in UTC, nothing for NULL."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S") + (f".{value.microsecond // 1000:03d}" if value.microsecond else "")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table of at most MAX_ROWS rows; numbers stand right."""
    shown = [row for row, _ in zip(rows, range(MAX_ROWS), strict=False)]
    made = Table(header_style="bold", pad_edge=False)
    for place, name in enumerate(columns):
        numeric = any(isinstance(row[place], int | float) for row in shown)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        made.add_row(*(Text(cell(value)) for value in row))
    return made
