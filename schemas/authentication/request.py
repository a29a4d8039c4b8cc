"""An HTTP request as authentication sees it, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "reject", "unsigned"]


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request as the edge received it. Header names are in lower case; `body` has the bytes on the wire."""

    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    now_ms: int = 0
    path_secret: str = ""  # the part of the address after the source's name, for a source with auth.path
    address: str = ""  # the sender's IP address, beyond the proxies that the settings trust


class Head(Request):
    """A request whose body has not arrived. `asked`: how often something wanted the body, and got an empty one."""

    __slots__ = ("asked",)
    asked: int

    @property
    def body(self) -> bytes:
        """Nothing; counted in `asked`."""
        object.__setattr__(self, "asked", self.asked + 1)
        return b""

    @body.setter
    def body(self, _value: bytes) -> None:
        object.__setattr__(self, "asked", 0)  # called once, when the request is made


@dataclass(slots=True, frozen=True)
class Verdict:
    """The result: `ok`; `reject`, a proven forgery or missing credentials; `unsigned`, the source has no secrets.

    `scheme` and `key_id` name the secret that matched. They are stored where the header itself must not be.
    """

    auth: Outcome
    scheme: str = ""
    key_id: str = ""


UNSIGNED = Verdict("unsigned")
REJECT = Verdict("reject")
