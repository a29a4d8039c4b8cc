"""Words of the tables made fit for labels and messages: short, one line, no phone number, no chat's markup. Pure.

Labels are names of sources, categories and codes, and some of these are what a provider or a sender wrote.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from dashboards.alerts.evaluate import Row
from dashboards.alerts.rule import Rule

_LONGEST: Final = 60
_MARKUP: Final = str.maketrans({"<": "‹", ">": "›", "&": "+", "@": "(at)", "`": "'"})
# A phone number has at least 8 digits, however they are grouped.
_DIGITS: Final = re.compile(r"\+?\d(?:[ ().-]?\d){7,}")


def row(rule: Rule, columns: Mapping[str, Any]) -> Row:
    """A row of a rule's answer as the evaluator takes it. KeyError for a column that the rule names and is missing."""
    labels = tuple((name, word(columns[name])) for name in rule.labels)
    value = None if columns["value"] is None else float(columns["value"])
    told = {name: _span(name, each) for name, each in columns.items()}
    known = value is not None and not math.isnan(value)
    return Row(labels, value if known else None, summary(rule.summary, told))


def _span(name: str, value: Any) -> Any:
    return duration(value) if name.endswith("_seconds") and value is not None else value


def word(value: Any) -> str:
    """Text of a label."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    text = _DIGITS.sub(lambda found: f"…{found[0][-3:]}", text).translate(_MARKUP)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def summary(template: str, columns: Mapping[str, Any]) -> str:
    """The template filled in. Empty labels read as "(none)"; a number keeps its format, a NULL reads as "–"."""
    return template.format(**{name: _shown(value) for name, value in columns.items()})


def _shown(value: Any) -> Any:
    if value is None:
        return _Unknown()
    return (word(value) or "(none)") if isinstance(value, str) else value


class _Unknown:
    def __format__(self, form: str) -> str:
        return "–"


def duration(seconds: float) -> str:
    """Two parts at most: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    total = max(int(seconds), 0)
    if total < 60:
        return f"{total} s"
    minutes, hours, days = total // 60 % 60, total // 3600 % 24, total // 86_400
    parts = [(days, "d"), (hours, "h")] if days else [(hours, "h"), (minutes, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
