"""The form of every HTTP error, of the edge and of the page: {"error": code, "detail": sentence}.

Sentences are fixed texts: they quote nothing of a request or of a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.parsing.json_text import dumps

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True, frozen=True)
class HttpError:
    """One error. `code` is also its label in metrics; `more` adds fields to the JSON object."""

    status: int
    code: str
    detail: str
    headers: Headers = ()
    more: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> bytes:
        """The JSON body."""
        return dumps({"error": self.code, "detail": self.detail, **self.more})


BAD_REQUEST = HttpError(400, "bad_request", "This is not a valid HTTP request.")


def retry_after(seconds: int) -> Headers:
    """The header Retry-After."""
    return (("Retry-After", str(seconds)),)


def bad_parameter(detail: str, **more: object) -> HttpError:
    """400 for a parameter of the query that cannot be used."""
    return HttpError(400, "bad_parameter", detail, (), more)


def method_not_allowed(*allowed: str) -> HttpError:
    """405 with the Allow header."""
    methods = ", ".join(allowed)
    return HttpError(405, "method_not_allowed", f"This address takes {methods}.", (("Allow", methods),))
