"""What the sections of the settings are made of: tables, secrets, listening addresses, lists, checked texts."""

import os
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.errors import ConfigError

# The only kind of secret with several lines.
_PEM = "-----BEGIN "

Port = Annotated[int, Field(ge=1, le=65535)]


def matching(pattern: str, rule: str) -> AfterValidator:
    """A check of texts against a regular expression; `rule` is the error, which follows the name of the key."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


def not_zero_days(days: int) -> int:
    """The days. Raises ValueError for 0, which is a mistake."""
    if days == 0:
        raise ValueError("0 would delete everything at once: give a number of days, or -1 to keep everything")
    return days


def comma_separated(value: Any) -> Any:
    """A list as an environment variable holds it: the words between commas. Other values stay as they are."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _network(value: Any) -> Any:
    if isinstance(value, bool | int | float):  # Python has numbers for addresses
        raise ValueError('an address is a text: write one such as "203.0.113.7" or "203.0.113.0/24"')
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError:
        pass
    try:
        wider = ip_network(value, strict=False)
    except ValueError:
        raise ValueError(
            f"{value!r} is not an IP address or a network: write one such as 203.0.113.7 or 203.0.113.0/24"
        ) from None
    raise ValueError(f"{value!r} is an address within a network: write {wider} for the network, or omit the /")


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]


class Section(BaseModel):
    """One table of the settings file: immutable, and no other keys than those that are declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def bare(secret: str) -> str:
    """A secret without white space, byte-order marks and other invisible characters around it."""
    begin, end = 0, len(secret)
    while begin < end and _is_around(secret[begin]):
        begin += 1
    while end > begin and _is_around(secret[end - 1]):
        end -= 1
    return secret[begin:end]


def _is_around(character: str) -> bool:
    return character.isspace() or _is_invisible(character)


def _is_invisible(character: str) -> bool:
    # A lone surrogate is a byte of the environment that is not UTF-8.
    return not character.isprintable() and not "\ud800" <= character <= "\udfff"


def _decoded(raw: bytes) -> str:
    """Text in UTF-8, or in UTF-16 with its byte-order mark, which PowerShell writes. Raises UnicodeDecodeError."""
    return raw.decode("utf-16" if raw.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8")


def _checked(secret: str, place: str) -> str:
    """The secret. Raises ConfigError for one that no sender can have: with a line break or an invisible character."""
    lines = secret.split() if secret.startswith(_PEM) else [secret]
    if any(_is_invisible(character) for line in lines for character in line):
        raise ConfigError(f"{place} has a line break or an invisible character in the secret: write the secret alone")
    return secret


class Secret(Section):
    """Where a secret is: an environment variable or a file (relative to the settings file). Never the secret itself."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_literal(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError('a secret is not written here: use { env = "NAME" } or { file = "path" }')
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError('give exactly one of { env = "NAME" } and { file = "path" }')
        return self

    def read(self) -> str:
        """The secret, without the byte-order mark and the blanks that editors and shells put around it.

        Raises ConfigError that names the variable or the file.
        """
        if self.env is not None:
            value = bare(os.environ.get(self.env, ""))
            if not value:
                raise ConfigError(f"the environment variable {self.env} is not set: set it to the secret")
            return _checked(value, f"the environment variable {self.env}")
        assert self.file is not None  # noqa: S101  (_one_place)
        try:
            value = bare(_decoded(self.file.read_bytes()))
        except OSError as error:
            raise ConfigError(
                f"{self.file}: cannot read the secret ({error.strerror}): write the secret into this file"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"{self.file} is not text in UTF-8: write the secret into this file") from None
        except ValueError:  # a NUL character
            raise ConfigError(f"{str(self.file)!r}: cannot read the secret: this is not a path") from None
        if not value:
            raise ConfigError(f"{self.file} is empty: write the secret into this file")
        return _checked(value, str(self.file))


class Server(Section):
    """A section of a process that listens."""

    host: str = "127.0.0.1"
    port: Port

    @property
    def url(self) -> str:
        """The address for programs on this machine, without a slash at the end, whatever address it listens on."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
