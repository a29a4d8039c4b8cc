"""Every refusal that the edge answers, with its status, code and sentence."""

from schemas.http_errors import BAD_REQUEST as BAD_REQUEST
from schemas.http_errors import HttpError, bad_parameter, retry_after

# Providers repeat after their own delays anyway; a well-behaved client needs a number with which a restart of the
# broker (about 4 s on two cores) costs it few attempts.
RETRY_SECONDS = 2

_RETRY = retry_after(RETRY_SECONDS)

NOTHING_USABLE = HttpError(
    400, "nothing_usable", "No record in the body can be used; see `refused` for the reason of each."
)
NO_RAW_ANSWERS = HttpError(
    400,
    "no_raw_answers",
    "The format of this provider's answers to a send is not known; post the record itself, without raw.",
)
NOT_INFLATED = HttpError(
    400, "bad_encoding", "The body cannot be inflated; send it plain, or with a Content-Encoding of gzip or deflate."
)
RAW_IS_1 = bad_parameter("Use raw=1 when the body is the provider's own answer; otherwise leave raw out.")
BAD_SIGNATURE = HttpError(
    401,
    "bad_credentials",
    "The signature or token does not match any secret of this source; check the secret on both sides.",
)
BAD_SENT_TOKEN = HttpError(
    401,
    "bad_credentials",
    "Send `Authorization: Bearer <token>` with one of this source's sent_tokens.",
    (("WWW-Authenticate", "Bearer"),),
)
WRONG_VERIFY_TOKEN = HttpError(
    403,
    "wrong_token",
    "The handshake is incomplete, or its token is not in this source's verify_tokens; enter the same on both sides.",
)
NOT_FOUND = HttpError(404, "not_found", "There is nothing at this address; webhooks go to /webhooks/{source}.")
UNKNOWN_SOURCE = HttpError(
    404, "unknown_source", "No source of this name is configured; the settings file lists the sources."
)
SLOW_BODY = HttpError(408, "slow_body", "The body did not arrive in time; send it again over a faster connection.")
INTERNAL = HttpError(500, "internal", "The request failed on our side; send it again.", _RETRY)
NOT_STORED = HttpError(503, "not_stored", "The body could not be stored durably in time; send it again.", _RETRY)
OVERLOADED = HttpError(503, "overloaded", "Too many bodies are waiting to be stored; send it again.", _RETRY)
TOO_MANY_CONNECTIONS = HttpError(503, "overloaded", "Too many connections are open; send it again.", _RETRY)
NOT_READY = HttpError(
    503,
    "not_ready",
    "Kafka cannot store right now; check that it runs at kafka.bootstrap and that `ackstream up` made its topics.",
    _RETRY,
)


def too_many(seconds: int) -> HttpError:
    """429 with the time to wait."""
    detail = "Too many requests; send it again later. Nothing of it was stored."
    return HttpError(429, "too_many", detail, retry_after(seconds))


def too_large(max_body_bytes: int) -> HttpError:
    """413 with the present limit."""
    return HttpError(413, "too_large", f"A body may have at most {max_body_bytes} bytes; send it in smaller parts.")
