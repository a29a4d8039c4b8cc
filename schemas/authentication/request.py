"""An HTTP request as a provider's proof sees it, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Auth = Literal["ok", "reject", "unsigned"]


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request as the edge saw it. Header names are lower case; `body` is untouched."""

    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    now_ms: int = 0
    path_secret: str = ""  # the part of the address after the source's name, for a source with auth.path
    address: str = ""  # the sender's, past the proxies that the settings trust


@dataclass(slots=True, frozen=True)
class Verdict:
    """`reject` = a proven forgery or missing credentials; `unsigned` = this source has nothing to check against.

    `scheme` and `key_id` say which of the source's secrets matched; they are stored where the header itself may not be.
    """

    auth: Auth
    scheme: str = ""
    key_id: str = ""


UNSIGNED = Verdict("unsigned")
REJECT = Verdict("reject")
