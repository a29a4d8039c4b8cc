"""What a source may ask of its sender besides, or instead of, its provider's own proof: the settings of it. Pure.

Everything that is set has to hold. Each list of secrets may hold two while one replaces the other.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.settings.section import Secret, Section

Secrets = Annotated[tuple[Secret, ...], Field(min_length=1)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")]


class Hmac(Section):
    """A signature over the raw body, made with the secret; `prefix` stands before it, such as "sha256="."""

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

    user: Annotated[str, Field(pattern=r"^[^:]+$")]
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
    """What is asked for; empty: the provider's own proof alone, with the source's `secrets`."""

    hmac: Hmac | None = None
    header: Header | None = None
    basic: Basic | None = None
    jwt: Jwt | None = None
    path: Path | None = None
    # Networks that may send; behind a proxy they need ingest.trusted_proxies, or every sender has the proxy's address.
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()

    def places(self) -> tuple[Secret, ...]:
        """Where all of its secrets are."""
        parts = (self.hmac, self.header, self.basic, self.jwt, self.path)
        return tuple(secret for part in parts if part is not None for secret in part.secrets)

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        asked = [name for name in ("basic", "jwt") if getattr(self, name) is not None]
        if self.header is not None and self.header.name.lower() == "authorization":
            asked.append("header")
        if len(asked) > 1:
            raise ValueError(f"{' and '.join(asked)} are all read from the header Authorization: keep one of them")
        return self
