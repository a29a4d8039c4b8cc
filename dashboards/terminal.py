"""Query results as a table on a terminal."""

import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_ROWS = 1000  # nobody reads more on a terminal; the other formats print all rows


def console() -> Console:
    """A console as wide as the terminal; when output is redirected, long lines that are not wrapped."""
    return Console(width=None if sys.stdout.isatty() else 400, soft_wrap=not sys.stdout.isatty())


def cell(value: object) -> str:
    """One value as text: fractions with up to four decimals, times in ISO form with milliseconds, '' for NULL."""
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


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of the first MAX_ROWS rows; columns of numbers are aligned to the right."""
    shown = [row for row, _ in zip(rows, range(MAX_ROWS), strict=False)]
    result = Table(header_style="bold", pad_edge=False)
    for position, name in enumerate(columns):
        numeric = any(isinstance(row[position], int | float) for row in shown)
        result.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        result.add_row(*(Text(cell(value)) for value in row))
    return result
