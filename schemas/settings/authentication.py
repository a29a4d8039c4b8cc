"""The settings `auth.*` of a source: what it requires of a request besides its provider's own proof.

A request must pass every check that is set. Each list of secrets may hold two while one replaces the other.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.settings.base import Network, Secret, Section, matching

Secrets = Annotated[tuple[Secret, ...], Field(min_length=1)]
HeaderName = Annotated[
    str, matching(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", "must be the name of an HTTP header: 1 to 64 letters, digits, -")
]
UserName = Annotated[str, matching(r"[^:]+", "must be a user name without a colon")]


class Hmac(Section):
    """A signature over the raw body, made with the secret. `prefix`: what precedes it in the header, "sha256="."""

    header: HeaderName
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    secrets: Secrets


class Header(Section):
    """A header whose whole value is the secret."""

    name: HeaderName
    secrets: Secrets


class Basic(Section):
    """`Authorization: Basic`; the secrets are passwords."""

    user: UserName
    secrets: Secrets


class Jwt(Section):
    """`Authorization: Bearer <JSON Web Token>`; the secrets are keys: for RS256 and ES256 public ones, in PEM form."""

    algorithm: Literal["HS256", "RS256", "ES256"] = "HS256"
    issuer: str = ""
    audience: str = ""
    secrets: Secrets


class Path(Section):
    """A secret in the address: /webhooks/<source>/<secret>."""

    secrets: Secrets


class Auth(Section):
    """All that a source requires. Empty: the provider's own proof alone, with the source's `secrets`."""

    hmac: Hmac | None = None
    header: Header | None = None
    basic: Basic | None = None
    jwt: Jwt | None = None
    path: Path | None = None
    # Networks that may send; behind a proxy they need ingest.trusted_proxies, or every sender has the proxy's address.
    addresses: tuple[Network, ...] = ()

    def all_secrets(self) -> tuple[Secret, ...]:
        """Every secret that these settings name."""
        parts = (self.hmac, self.header, self.basic, self.jwt, self.path)
        return tuple(secret for part in parts if part is not None for secret in part.secrets)

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        users = [name for name in ("basic", "jwt") if getattr(self, name) is not None]
        if self.header is not None and self.header.name.lower() == "authorization":
            users.append("header")
        if len(users) > 1:
            raise ValueError(f"{' and '.join(users)} all use the header Authorization: keep one of them")
        return self
