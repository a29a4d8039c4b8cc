"""Users of the server: reads the users file and authenticates requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.clickhouse_server.errors import AUTHENTICATION_FAILED, QueryError
from schemas.process.logs import get_logger

log = get_logger("clickhouse")


class UsersFileError(Exception):
    """The users file cannot be used; the text is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class User:
    """A user: `readonly` ones may read tables and nothing else."""

    name: str
    password: str
    readonly: bool


class Users:
    """All users by name, with comparison in constant time."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = dict(users)
        self._unknown_user = User("", secrets.token_hex(16), True)

    def login(self, name: str, password: str) -> User:
        """The user, or AUTHENTICATION_FAILED; an unknown name costs as much time as a wrong password."""
        user = self._users.get(name, self._unknown_user)
        given = hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
        wanted = hashlib.sha256(user.password.encode("utf-8", "surrogatepass")).digest()
        if not hmac.compare_digest(given, wanted) or user is self._unknown_user:
            raise _refused(name)
        return user


def _refused(name: str) -> QueryError:
    text = f"{name}: Authentication failed: password is incorrect, or there is no user with such name."
    return QueryError(AUTHENTICATION_FAILED, text)


def load_users(path: Path) -> Users:
    """Read {"name": {"password": "...", "readonly": false}}; warns when other accounts can read the file."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        mode = path.stat().st_mode
    except (OSError, ValueError, RecursionError) as error:
        raise UsersFileError(f"Cannot read the users file {path}: write one JSON object of users to it.") from error
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning("users_file_readable_by_others", path=str(path), remedy="chmod 600")
    if not isinstance(raw, dict) or not raw:
        raise UsersFileError(f"{path} names no users: write {{NAME: {{password: ..., readonly: false}}}} to it.")
    return Users({name: _user(path, name, entry) for name, entry in raw.items()})


def _user(path: Path, name: str, entry: object) -> User:
    if isinstance(entry, dict) and set(entry) <= {"password", "readonly"}:
        password, readonly = entry.get("password"), entry.get("readonly", False)
        if isinstance(password, str) and isinstance(readonly, bool):
            return User(name, password, readonly)
    raise UsersFileError(f"User {name} in {path} needs a password (text) and may have readonly (true or false).")


def credentials(headers: Mapping[str, str], url: Mapping[str, str]) -> tuple[str, str]:
    """Name and password from X-ClickHouse-* headers, basic auth or the URL; one way at a time, as in ClickHouse."""
    authorization = headers.get("Authorization", "")
    by_header = "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers
    by_url = "user" in url or "password" in url
    if by_header + by_url + bool(authorization) > 1:
        raise QueryError(
            AUTHENTICATION_FAILED,
            "Invalid authentication: use only one of X-ClickHouse headers, Authorization header and URL parameters.",
        )
    if by_header:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    if authorization:
        return _basic(authorization)
    return url.get("user", "default"), url.get("password", "")


def _basic(value: str) -> tuple[str, str]:
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        raise QueryError(AUTHENTICATION_FAILED, "Invalid authentication: only the Basic scheme is served.")
    try:
        name, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64 or not UTF-8
        raise QueryError(AUTHENTICATION_FAILED, "Invalid authentication: the Basic value is not base64.") from None
    return name, password
