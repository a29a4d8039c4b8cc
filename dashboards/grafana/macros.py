"""Translates SQL with bound parameters into SQL for Grafana's ClickHouse data source.

Grafana binds no parameters: it inserts the values of its variables into the text. Its quoting formats are unsafe for
ClickHouse, where a backslash escapes: `singlequote` does not change `\\`, so the value `\\' OR 1 --` ends the string;
`sqlstring` doubles quotes, but does not change `\\` either. `percentencode` writes letters, digits and `-_.~` unchanged
and everything else as %XX, so its output cannot end a string, start a macro or name a variable. ClickHouse decodes it.

Grafana inserts several selected values as one, `{a,b}`. So the values of a variable's options are percent-encoded
(`option`) and decoded twice: a comma or brace in a name is not mistaken for one of the list. The option All has the
value `*`, which no encoded name has; it means no filter, as an empty list does.
"""

import re
from collections.abc import Mapping
from typing import Final

from dashboards.panel import PARAMETERS

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+):([^{}]+)\}")
_IN_LIST: Final = re.compile(r"\bIN\s+\{([a-z_]+):Array\(String\)\}")
_WITH: Final = re.compile(r"WITH\b\s*", re.IGNORECASE)
# Text that Grafana would read as a variable, or the data source as a macro: $name, ${name}, [[name]].
_GRAFANA_SYNTAX: Final = re.compile(r"\$\w|\$\{|\[\[\w")

ALL: Final = "*"

# The steps of the web page: hours for a range up to 73 hours, days up to 401 days, months above.
_HOURS_UP_TO: Final = 73 * 3600
_DAYS_UP_TO: Final = 401 * 86_400


def option(column: str) -> str:
    """The value of a variable's option for the name in `column`."""
    return f"encodeURLComponent({column})"


def _text(variable: str) -> str:
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


def _list(variable: str) -> str:
    items = f"splitByChar(',', trim(BOTH '{{}}' FROM {_text(variable)}))"
    return f"arrayMap(item -> decodeURLComponent(item), arrayFilter(item -> item NOT IN ('', '{ALL}'), {items}))"


# UTC for a zone that ClickHouse does not know, as for the words utc and browser.
_KNOWN_ZONE: Final = "SELECT if(count() = 0, 'UTC', any(time_zone)) FROM system.time_zones WHERE time_zone"
_SECONDS: Final = "dateDiff('second', range_from, range_to)"
# By parameter: the alias that replaces it, and the expression of the alias.
_PANEL: Final[Mapping[str, tuple[str, str]]] = {
    "from": ("range_from", "toTimeZone($__fromTime_ms, 'UTC')"),
    "to": ("range_to", "toTimeZone($__toTime_ms, 'UTC')"),
    # The time zone of Grafana's axes, so that days on the axis and days in the numbers are the same. It has to be a
    # constant for ClickHouse: the value of a subquery is one, that of transform() is not.
    "zone": ("in_zone", f"({_KNOWN_ZONE} = {_text('__timezone')})"),
    "bucket": (
        "by_bucket",
        f"multiIf({_SECONDS} <= {_HOURS_UP_TO}, 'hour', {_SECONDS} <= {_DAYS_UP_TO}, 'day', 'month')",
    ),
    "sources": ("chosen_sources", _list("sources")),
    "templates": ("chosen_templates", _list("templates")),
    "campaigns": ("chosen_campaigns", _list("campaigns")),
    # Any value except 0 masks.
    "mask": ("mask_phones", f"toUInt8({_text('mask')} != '0')"),
}
_NEEDS: Final = {"bucket": ("from", "to")}
# The only parameter of an alert rule is the time of its evaluation.
_RULE: Final[Mapping[str, tuple[str, str]]] = {"now": ("evaluated_at", "toTimeZone($__toTime_ms, 'UTC')")}


def panel_sql(sql: str) -> str:
    """A panel's SQL for Grafana. ValueError for an unknown parameter, or text that Grafana would change."""
    return _translate(sql, _PANEL, PARAMETERS)


def rule_sql(sql: str, parameters: Mapping[str, str]) -> str:
    """An alert rule's SQL, with the given parameters (name, type), for Grafana. ValueError as in `panel_sql`."""
    return _translate(sql, _RULE, parameters)


def _translate(sql: str, aliases: Mapping[str, tuple[str, str]], types: Mapping[str, str]) -> str:
    if found := _GRAFANA_SYNTAX.search(sql):
        raise ValueError(f"Grafana would read {found[0]!r} as one of its variables: rewrite this part of the SQL")
    used: set[str] = set()

    def alias(match: re.Match[str]) -> str:
        name, kind = match[1], match[2]
        if types.get(name) != kind:
            raise ValueError(f"{match[0]} is not a parameter: see dashboards.panel.PARAMETERS")
        used.update((name, *_NEEDS.get(name, ())))
        return aliases[name][0]

    # ClickHouse reads `column IN <alias of an array>` as has(array, column), which uses no index; a subquery is a set.
    body = _IN_LIST.sub(r"IN (SELECT arrayJoin({\1:Array(String)}))", sql.strip())
    body = _PLACEHOLDER.sub(alias, body)
    if not used:
        return body
    heads = [f"    {aliases[name][1]} AS {aliases[name][0]}" for name in aliases if name in used]
    own = _WITH.match(body)
    rest = f",\n    {body[own.end() :]}" if own else f"\n{body}"
    return "WITH\n" + ",\n".join(heads) + rest
