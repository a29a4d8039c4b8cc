"""Output for people: query results as tables, and a terminal that stored texts cannot take over."""

import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from schemas.parsing.visible_text import visible, visible_line

MAX_ROWS = 1000  # nobody reads more on a terminal; the other formats print all rows


class _VisibleConsole(Console):
    """Rich's console; of the characters of a text none reaches the terminal as a command, only Rich's own do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of Rich, with visible texts."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def visible_console(**options: Any) -> Console:
    """A console with these options of Rich; all output by Rich goes through one."""
    return _VisibleConsole(**options)


def console() -> Console:
    """A console as wide as the terminal; when output is redirected, long lines that are not wrapped."""
    return visible_console(width=None if sys.stdout.isatty() else 400, soft_wrap=not sys.stdout.isatty())


def cell(value: object) -> str:
    """One value as text of one line: fractions with up to four decimals, times in ISO form with milliseconds.

    Empty for NULL; characters that would act on a terminal are escaped.
    """
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
    return visible_line(str(value))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table of the first MAX_ROWS rows; columns of numbers are aligned to the right."""
    shown = [row for row, _ in zip(rows, range(MAX_ROWS), strict=False)]
    result = Table(header_style="bold", pad_edge=False)
    for position, name in enumerate(columns):
        numeric = any(isinstance(row[position], int | float) for row in shown)
        result.add_column(Text(cell(name)), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        result.add_row(*(Text(cell(value)) for value in row))
    return result
