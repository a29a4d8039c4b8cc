"""What sections of the settings are made of: secrets, addresses, lists; wrong values raise. IO: reads secrets."""

import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.errors import ConfigError

Port = Annotated[int, Field(ge=1, le=65535)]


def not_zero(days: int) -> int:
    """Days of which 0 would be a mistake. Raises ValueError."""
    if days == 0:
        raise ValueError("0 would delete everything at once: give days, or -1 for ever")
    return days


def words(value: Any) -> Any:
    """A list as it stands in an environment variable: words with commas between them."""
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


class Section(BaseModel):
    """One table of the settings file: its keys and no others, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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
        """The secret. Raises ConfigError that says what is missing."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                raise ConfigError(f"the environment variable {self.env} is not set: set it to the secret")
            return value
        assert self.file is not None  # noqa: S101  (_one_place)
        try:
            value = self.file.read_text().strip()
        except OSError as error:
            raise ConfigError(f"{self.file}: cannot read the secret ({error.strerror}): write it there") from None
        if not value:
            raise ConfigError(f"{self.file} is empty: write the secret there")
        return value


class Server(Section):
    """A section of something that listens."""

    host: str = "127.0.0.1"
    port: Port

    @property
    def url(self) -> str:
        """Where programs of this machine reach it, without a slash at the end: a server may listen on any address."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
