"""What Grafana and its ClickHouse data source make of a text, by their documented rules.

First the browser writes the values of variables into it, then the data source expands its macros.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

Value = str | Sequence[str]
ALL_CHOSEN = "$__all"
_VARIABLE = re.compile(r"\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}")


def percent_encode(value: Value) -> str:
    """Format `percentencode`: all but letters, digits and -_.~ as %XX; several values as one, {a,b}."""
    whole = value if isinstance(value, str) else "{" + ",".join(value) + "}"
    return quote(whole, safe="-_.~")


def interpolate(text: str, variables: Mapping[str, Value], custom_all: str = "*") -> str:
    """The text with the values of variables in their formats; what is no variable stays."""

    def written(match: re.Match[str]) -> str:
        name, form = match[1] or match[2] or match[4], match[3] or match[5]
        if name not in variables:
            return match[0]
        value = variables[name]
        if value in (ALL_CHOSEN, [ALL_CHOSEN]):
            value = custom_all
        if form != "percentencode":
            raise AssertionError(f"{match[0]}: only percentencode is safe in ClickHouse")
        return percent_encode(value)

    return _VARIABLE.sub(written, text)


def expand(text: str, start_ms: int, end_ms: int) -> str:
    """The text with the macros of the data source expanded. Fails for one that is not known."""
    known = {"fromTime_ms": start_ms, "toTime_ms": end_ms}

    def written(match: re.Match[str]) -> str:
        assert match[1] in known, f"{match[0]} is no macro of the data source that we use"
        return f"fromUnixTimestamp64Milli({known[match[1]]})"

    return re.sub(r"\$__(\w+)", written, text)


def sent(text: str, variables: Mapping[str, Value], start_ms: int, end_ms: int) -> str:
    """What reaches ClickHouse."""
    return expand(interpolate(text, variables), start_ms, end_ms)
