"""The rows of a file of sent records, CSV or NDJSON, one at a time."""

import csv
import io
from collections.abc import Iterator
from typing import IO, NamedTuple

from schemas.normalisation.sent_records import Record, checked_line, refusal_reason
from schemas.parsing.json_values import as_id, as_object

# Of one line, in characters: a record needs a thousandth, and a file without line ends must not fill the memory.
MAX_LINE = 1024 * 1024
KINDS = ("csv", "ndjson")

_DELIMITERS = ",;\t"
_BLANK = " \t\r\n\ufeff"
_NOT_UTF8 = "This row is not UTF-8; save the file as UTF-8."


class RowsError(Exception):
    """The file as a whole cannot be read; the text has the remedy."""


class Row(NamedTuple):
    """A record as it is in the file, or None and the reason why it is refused; `line` counts from 1."""

    line: int
    record: Record | None
    reason: str | None
    message_id: str | None = None


class Lines:
    """The lines of a stream, one at a time; `number` is that of the last one, from 1."""

    def __init__(self, stream: IO[bytes]) -> None:
        # Bytes that are not UTF-8 become lone surrogates, which mark their row. A CSV cell may contain line ends.
        self._text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > MAX_LINE:
            raise RowsError(f"line {self.number} has more than {MAX_LINE:,} characters: write one record a line")
        return line


def rows(stream: IO[bytes], kind: str | None = None) -> Iterator[Row]:
    """Every row; `kind` is one of KINDS, None = detected from the first line. Raises RowsError, also halfway."""
    lines = Lines(stream)
    first = next((line for line in lines if line.strip(_BLANK)), None)
    if first is None:
        return
    start = first.strip(_BLANK)[0]
    if start == "[":
        raise RowsError("this is one JSON array: write one object a line, for instance with `jq -c '.[]'`")
    if (kind or ("ndjson" if start == "{" else "csv")) == "ndjson":
        yield from _ndjson(first, lines)
    else:
        yield from _csv(first, lines)


def _ndjson(first: str, lines: Lines) -> Iterator[Row]:
    yield _json_row(first, lines.number)
    for line in lines:
        if line.strip(_BLANK):
            yield _json_row(line, lines.number)


def _json_row(line: str, number: int) -> Row:
    value, reason = checked_line(line.strip(_BLANK).encode("utf-8", "surrogateescape"))
    return Row(number, value if reason is None else None, reason, as_id(as_object(value).get("message_id")))


def _csv(first: str, lines: Lines) -> Iterator[Row]:
    delimiter = max(_DELIMITERS, key=first.count)
    header = [_column(name) for name in next(csv.reader([first], delimiter=delimiter))]
    if "message_id" not in header:
        raise RowsError("the first line names no column message_id: CSV begins with the names of its columns")
    if len(set(header) - {""}) < len(header) - header.count(""):
        raise RowsError("the first line names a column twice: rename one of the two")
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        before = lines.number
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            more = f" to {lines.number}" if lines.number > before + 1 else ""
            yield Row(before + 1, None, f"This is no CSV{more and f' (lines {before + 1}{more})'}: {error}.")
            continue
        if any(cell.strip() for cell in cells):
            yield _csv_row(header, cells, before + 1)


def _csv_row(header: list[str], cells: list[str], line: int) -> Row:
    """An empty cell is the same as a missing field."""
    if any(cell.strip() for cell in cells[len(header) :]):
        return Row(
            line, None, f"The row has {len(cells)} cells and the first line {len(header)}; quote cells that need it."
        )
    record = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name and cell.strip()}
    if any(not cell.isascii() and _is_broken(cell) for cell in record.values()):
        return Row(line, None, _NOT_UTF8)
    reason = refusal_reason(record)
    return Row(line, record if reason is None else None, reason, as_id(record.get("message_id")))


def _column(name: str) -> str:
    """A name as a spreadsheet may write it: `Message ID` is message_id."""
    return "_".join(name.strip(_BLANK).lower().split())


def _is_broken(cell: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in cell)
