"""A panel's statement for use elsewhere: with its values inserted, or as a curl command.

The page itself always binds parameters. Here values are written as literals of their type, so that people can paste
the statement.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_PLACEHOLDER = re.compile(r"\{([a-z_]+):([^{}]+)\}")
# Characters with a special meaning to ClickHouse's lexer within quotes, and control characters that disturb a terminal.
_ESCAPES = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\t": r"\t", "\r": r"\r", "\0": r"\0", "\b": r"\b", "\f": r"\f"}
_SPECIAL = re.compile(r"[\\'\x00-\x1f\x7f]")


def quoted(text: str) -> str:
    """A string literal of ClickHouse."""
    return "'" + _SPECIAL.sub(lambda found: _ESCAPES.get(found[0], f"\\x{ord(found[0]):02x}"), text) + "'"


def literal(value: Any) -> str:
    """A number, a text, or a list or tuple of them as a literal of ClickHouse."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ")"
    return quoted(str(value))


def inlined(sql: str, parameters: Mapping[str, Any]) -> str:
    """The statement with each placeholder replaced by its value, cast to the placeholder's type."""
    return _PLACEHOLDER.sub(
        lambda found: f"CAST({literal(parameters[found[1]])} AS {found[2]})", sql.strip().rstrip(";")
    )


def used(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the statement uses."""
    names = {found[1] for found in _PLACEHOLDER.finditer(sql)}
    return {name: value for name, value in parameters.items() if name in names}


def bound_text(value: Any) -> str:
    """A value for `param_NAME` of the HTTP interface: text escaped as in TSV, texts in lists quoted."""
    if isinstance(value, list | tuple):
        return literal(value)
    return re.sub(r"[\\\t\n\r\0]", lambda found: _ESCAPES[found[0]], str(value))


def curl(sql: str, parameters: Mapping[str, Any], *, url: str, user: str, database: str) -> str:
    """A curl command that runs the statement over HTTP with bound parameters; curl asks for the password."""
    given = {"database": database, "default_format": "PrettyCompact"}
    given |= {f"param_{name}": bound_text(value) for name, value in used(sql, parameters).items()}
    address = f"{url.rstrip('/')}/?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    return f"curl --user {shlex.quote(user)} {shlex.quote(address)} --data-binary {shlex.quote(sql.strip())}"


def command(text: str) -> str:
    """An `ackstream query` command for a statement with inserted values."""
    return f"ackstream query -- {shlex.quote(text)}"
