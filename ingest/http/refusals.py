"""What the edge answers: every refusal with its status, code and sentence. Pure.

The sentences are fixed texts: nothing of a request is ever quoted.
"""

from dataclasses import dataclass

from schemas.parsing.json_text import dumps

JSON = "application/json"

# Providers repeat after their own delays anyway; a well-behaved client needs a number that lets a restart of the
# broker (about 4 s on two cores) come between few tries.
RETRY_SECONDS = 2


@dataclass(slots=True, frozen=True)
class Refusal:
    """One way to say no. `outcome` is the metric's word for it; `headers` go into the answer."""

    status: int
    code: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def outcome(self) -> str:
        return self.code

    def body(self) -> bytes:
        """{"error": code, "detail": sentence}."""
        return dumps({"error": self.code, "detail": self.detail})


def bad_parameter(detail: str) -> Refusal:
    """400 for a query that cannot be taken."""
    return Refusal(400, "bad_parameter", detail)


_RETRY = (("Retry-After", str(RETRY_SECONDS)),)

BAD_REQUEST = Refusal(400, "bad_request", "This is not a valid HTTP request.")
NOTHING_USABLE = Refusal(
    400, "nothing_usable", "No record in the body can be used; see `refused` for the reason of each."
)
NO_RAW_ANSWERS = Refusal(
    400,
    "no_raw_answers",
    "What this source's provider answers to a send is not known; post the record itself, without raw.",
)
RAW_IS_1 = bad_parameter("raw is 1 when the body is the provider's own answer; else leave it out.")
BAD_SIGNATURE = Refusal(
    401,
    "bad_credentials",
    "The signature or token does not match any secret of this source; check the secret on both sides.",
)
BAD_SENT_TOKEN = Refusal(
    401,
    "bad_credentials",
    "Send `Authorization: Bearer <token>` with one of this source's sent_tokens.",
    (("WWW-Authenticate", "Bearer"),),
)
WRONG_VERIFY_TOKEN = Refusal(
    403,
    "wrong_token",
    "The handshake is incomplete, or its token is none of this source's verify_tokens; enter the same on both sides.",
)
NOT_FOUND = Refusal(404, "not_found", "There is nothing at this address; webhooks go to /webhooks/{source}.")
UNKNOWN_SOURCE = Refusal(
    404, "unknown_source", "No source of this name is configured; the settings file lists the sources."
)
SLOW_BODY = Refusal(408, "slow_body", "The body did not arrive in time; send it again over a faster connection.")
INTERNAL = Refusal(500, "internal", "The request failed on our side; send it again.", _RETRY)
NOT_STORED = Refusal(503, "not_stored", "The body could not be stored durably in time; send it again.", _RETRY)
OVERLOADED = Refusal(503, "overloaded", "Too many bodies are waiting to be stored; send it again.", _RETRY)

TOO_MANY_CONNECTIONS = Refusal(503, "overloaded", "Too many connections are open; send it again.", _RETRY)


def too_many(seconds: int) -> Refusal:
    """429 with the time to wait."""
    detail = "Too many requests; send it again later. Nothing of it was stored."
    return Refusal(429, "too_many", detail, (("Retry-After", str(seconds)),))


def too_large(max_body_bytes: int) -> Refusal:
    """413 with the limit in force."""
    return Refusal(413, "too_large", f"A body may have at most {max_body_bytes} bytes; send it in smaller parts.")


def method_not_allowed(*allowed: str) -> Refusal:
    """405 with the Allow header."""
    methods = ", ".join(allowed)
    return Refusal(405, "method_not_allowed", f"This address takes {methods}.", (("Allow", methods),))
