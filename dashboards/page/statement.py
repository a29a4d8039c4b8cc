"""A panel's statement as somebody can run it elsewhere: with its values written in, or as a call of curl. Pure.

The page itself never does this: it binds. Here the values become text because a person wants to paste them, so each is
written as a literal of its type.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{([a-z_]+):([^{}]+)\}")
# What ClickHouse's lexer treats specially within quotes, and the control characters that would spoil a terminal.
_ESCAPES = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\0": r"\0", "\b": r"\b", "\f": r"\f"}
_SPECIAL = re.compile(r"[\\'\x00-\x1f\x7f]")


def quoted(text: str) -> str:
    """A string literal of ClickHouse."""
    return "'" + _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], f"\\x{ord(found[0]):02x}"), text) + "'"


def literal(value: Any) -> str:
    """A number, a text, or a list or tuple of them, as ClickHouse reads it in a statement."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ")"
    return quoted(str(value))


def written_out(sql: str, parameters: Mapping[str, Any]) -> str:
    """The statement with each placeholder replaced by its value, cast to the type that the placeholder names."""
    return _PLACEHOLDER.sub(
        lambda found: f"CAST({literal(parameters[found[1]])} AS {found[2]})", sql.strip().rstrip(";")
    )


def used(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that the statement binds."""
    names = {found[1] for found in _PLACEHOLDER.finditer(sql)}
    return {name: value for name, value in parameters.items() if name in names}


def bound_text(value: Any) -> str:
    """A value as the HTTP interface takes it in `param_NAME`: text escaped as in TSV, lists with their texts quoted."""
    if isinstance(value, list | tuple):
        return literal(value)
    return re.sub(r"[\\\t\n\r\0]", lambda found: _ESCAPES[found[0]], str(value))


def curl(sql: str, parameters: Mapping[str, Any], *, url: str, user: str, database: str) -> str:
    """A command line that asks the same over HTTP with the values bound; the password is asked for by curl."""
    given = {"database": database, "default_format": "PrettyCompact"}
    given |= {f"param_{name}": bound_text(value) for name, value in used(sql, parameters).items()}
    address = f"{url.rstrip('/')}/?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return f"curl --user {shlex.quote(user)} {shlex.quote(address)} --data-binary {shlex.quote(sql.strip())}"


def command(text: str) -> str:
    """A command line that asks the same as the read-only user of the settings; `text` is a statement written out."""
    return f"ackstream query -- {shlex.quote(text)}"
