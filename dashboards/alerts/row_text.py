"""Turns result rows into labels and summaries: short, one line, without phone numbers and without chat markup.

Labels are names of sources, categories and codes. Some of them are texts from a provider or a sender.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from dashboards.alerts.rule import Rule
from dashboards.alerts.transitions import Row

_MAX_CHARACTERS: Final = 60
_MARKUP: Final = str.maketrans({"<": "‹", ">": "›", "&": "+", "@": "(at)", "`": "'"})
# A phone number has at least 8 digits, however they are grouped.
_PHONE: Final = re.compile(r"\+?\d(?:[ ().-]?\d){7,}")


def to_row(rule: Rule, columns: Mapping[str, Any]) -> Row:
    """A row of a rule's result for the evaluator. Raises KeyError when a column that the rule needs is missing."""
    labels = tuple((name, label_text(columns[name])) for name in rule.labels)
    value = None if columns["value"] is None else float(columns["value"])
    readable = {name: _readable(name, each) for name, each in columns.items()}
    known = value is not None and not math.isnan(value)
    return Row(labels, value if known else None, summary(rule.summary, readable))


def _readable(name: str, value: Any) -> Any:
    return duration(value) if name.endswith("_seconds") and value is not None else value


def label_text(value: Any) -> str:
    """The text of a label."""
    text = "".join(character if character.isprintable() else " " for character in str(value))
    text = _PHONE.sub(lambda found: f"…{found[0][-3:]}", text).translate(_MARKUP)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"


def summary(template: str, columns: Mapping[str, Any]) -> str:
    """The filled-in template. An empty text becomes "(none)" and NULL becomes "–"; numbers keep their format."""
    return template.format(**{name: _shown(value) for name, value in columns.items()})


def _shown(value: Any) -> Any:
    if value is None:
        return _Unknown()
    return (label_text(value) or "(none)") if isinstance(value, str) else value


class _Unknown:
    def __format__(self, form: str) -> str:
        return "–"


def duration(seconds: float) -> str:
    """A duration in at most two units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    total = max(int(seconds), 0)
    if total < 60:
        return f"{total} s"
    minutes, hours, days = total // 60 % 60, total // 3600 % 24, total // 86_400
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
