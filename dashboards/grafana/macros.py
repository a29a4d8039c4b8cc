"""From SQL with bound parameters to what Grafana's ClickHouse data source sends. Pure.

Grafana binds nothing: it writes the values of its variables into the text. Its quoting formats do not fit ClickHouse,
where a backslash escapes: `singlequote` leaves `\\` alone, so that the value `\\' OR 1 --` ends the string, and
`sqlstring` doubles quotes, but leaves `\\` alone too. `percentencode` writes letters, digits and `-_.~` as they are and
all else as %XX, so nothing that it writes can end a string, start a macro or be a variable; ClickHouse decodes it.

Several chosen values come as one, `{a,b}`. So the options of a variable are percent-encoded themselves (`OPTION`) and
decoded twice: no comma or brace of a name is taken for one of the list. The option All is the word `*`, which an
encoded name never is; it means no filter, as an empty list does.
"""

import re
from collections.abc import Mapping
from typing import Final

from dashboards.panel import PARAMETERS

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+):([^{}]+)\}")
_IN_LIST: Final = re.compile(r"\bIN\s+\{([a-z_]+):Array\(String\)\}")
_WITH: Final = re.compile(r"WITH\b\s*", re.IGNORECASE)
# What Grafana would take for a variable or the data source for a macro: $name, ${name}, [[name]].
_FOREIGN: Final = re.compile(r"\$\w|\$\{|\[\[\w")

ALL: Final = "*"

# Of a range up to 73 hours hours are drawn, up to 401 days days, past it months: the page's steps.
_HOURS_UP_TO: Final = 73 * 3600
_DAYS_UP_TO: Final = 401 * 86_400


def option(column: str) -> str:
    """The value of a variable's option for the name in `column`."""
    return f"encodeURLComponent({column})"


def _text(variable: str) -> str:
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


def _list(variable: str) -> str:
    words = f"splitByChar(',', trim(BOTH '{{}}' FROM {_text(variable)}))"
    return f"arrayMap(word -> decodeURLComponent(word), arrayFilter(word -> word NOT IN ('', '{ALL}'), {words}))"


_SECONDS: Final = "dateDiff('second', range_from, range_to)"
# By the name of a parameter: the alias that takes its place, and the expression that the alias stands for.
_PANEL: Final[Mapping[str, tuple[str, str]]] = {
    "from": ("range_from", "toTimeZone($__fromTime_ms, 'UTC')"),
    "to": ("range_to", "toTimeZone($__toTime_ms, 'UTC')"),
    # The zone that Grafana draws in, so that days on the axis and days in the numbers are the same.
    # transform() would not do: a zone has to be a constant for ClickHouse.
    "zone": ("in_zone", f"replaceRegexpOne({_text('__timezone')}, '^(utc|browser|)$', 'UTC')"),
    "bucket": (
        "by_bucket",
        f"multiIf({_SECONDS} <= {_HOURS_UP_TO}, 'hour', {_SECONDS} <= {_DAYS_UP_TO}, 'day', 'month')",
    ),
    "sources": ("chosen_sources", _list("sources")),
    "templates": ("chosen_templates", _list("templates")),
    "campaigns": ("chosen_campaigns", _list("campaigns")),
    # Anything but a plain 0 masks.
    "mask": ("mask_phones", f"toUInt8({_text('mask')} != '0')"),
}
_NEEDS: Final = {"bucket": ("from", "to")}
# Rules know the moment of their evaluation and nothing else.
_RULE: Final[Mapping[str, tuple[str, str]]] = {"now": ("evaluated_at", "toTimeZone($__toTime_ms, 'UTC')")}


def panel_sql(sql: str) -> str:
    """The text for Grafana of a panel's SQL. ValueError for what a panel may not hold."""
    return _translated(sql, _PANEL, PARAMETERS)


def rule_sql(sql: str, parameters: Mapping[str, str]) -> str:
    """The text for Grafana of an alert rule's SQL with the given parameters (name, type). ValueError as above."""
    return _translated(sql, _RULE, parameters)


def _translated(sql: str, aliases: Mapping[str, tuple[str, str]], types: Mapping[str, str]) -> str:
    if found := _FOREIGN.search(sql):
        raise ValueError(f"Grafana would read {found[0]!r} as one of its variables: write it otherwise")
    used: set[str] = set()

    def alias(match: re.Match[str]) -> str:
        name, kind = match[1], match[2]
        if types.get(name) != kind:
            raise ValueError(f"{match[0]} is no parameter: see dashboards.panel.PARAMETERS")
        used.update((name, *_NEEDS.get(name, ())))
        return aliases[name][0]

    # `column IN <alias of an array>` would be read as has(array, column), which no index serves; a subquery is a set.
    body = _IN_LIST.sub(r"IN (SELECT arrayJoin({\1:Array(String)}))", sql.strip())
    body = _PLACEHOLDER.sub(alias, body)
    if not used:
        return body
    heads = [f"    {aliases[name][1]} AS {aliases[name][0]}" for name in aliases if name in used]
    own = _WITH.match(body)
    rest = f",\n    {body[own.end() :]}" if own else f"\n{body}"
    return "WITH\n" + ",\n".join(heads) + rest
