"""Values of ClickHouse as JSON and as CSV cells."""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

# Characters that start a formula in a spreadsheet, also in the full width of Japanese and Chinese input methods, and
# also after what a spreadsheet may drop or split at: blanks, characters without a width, quotes, separators.
_FORMULA = re.compile("[\\s\\x00-\\x1f\u200b-\u200f\u2060\ufeff\"',;:]*[=+\\-@|＝＋－＠｜]|[\t\r\n]")
# A phone number, masked or not, is harmless: it can neither call a function nor reference a cell.
_PHONE = re.compile(r"\+[0-9]+(?:…[0-9]*)?")


def plain(value: Any) -> Any:
    """The value for JSON: times as ISO 8601 in UTC, decimals as numbers, NaN and infinity as null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)


def moment(value: datetime) -> str:
    """`2026-11-20T12:00:00.000Z`; a time without a zone is UTC, as in the results of ClickHouse's client."""
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def cell(value: Any) -> str:
    """The value as a CSV cell: exact, empty for NULL, never a formula in a spreadsheet."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool | int | float):
        return repr(value)
    text = str(plain(value))
    return f"'{text}" if _FORMULA.match(text) and not _PHONE.fullmatch(text) else text


def csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV after RFC 4180, every cell quoted: a header line, then the rows; lines end with CR LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow([cell(name) for name in names])
    for row in rows:
        writer.writerow([cell(value) for value in row])
    return out.getvalue()
