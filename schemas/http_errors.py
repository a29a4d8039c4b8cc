"""The one form of HTTP refusals, of the edge and of the page: {"error": code, "detail": sentence}.

Sentences are fixed texts: nothing of a request and nothing of a row is quoted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.parsing.json_text import dumps

Headers = tuple[tuple[str, str], ...]


@dataclass(slots=True, frozen=True)
class HttpError:
    """One refusal. `code` is also the word in metrics; `more` adds fields to the JSON object."""

    status: int
    code: str
    detail: str
    headers: Headers = ()
    more: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> bytes:
        """The JSON of the answer."""
        return dumps({"error": self.code, "detail": self.detail, **self.more})


def retry_after(seconds: int) -> Headers:
    """The header that says when to try again."""
    return (("Retry-After", str(seconds)),)


def bad_parameter(detail: str, **more: object) -> HttpError:
    """400 for a value of the query that cannot be used."""
    return HttpError(400, "bad_parameter", detail, (), more)


def method_not_allowed(*allowed: str) -> HttpError:
    """405 with the Allow header."""
    methods = ", ".join(allowed)
    return HttpError(405, "method_not_allowed", f"This address takes {methods}.", (("Allow", methods),))
