"""The errors of the page: status, code and one sentence."""

from schemas import http_errors
from schemas.http_errors import HttpError, retry_after

RETRY = retry_after(5)


class Problem(Exception):  # noqa: N818  (it is an HTTP answer)
    """Ends a request with `error` as the answer."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(error.code)
        self.error = error


def problem(status: int, code: str, detail: str, headers: http_errors.Headers = (), **more: object) -> Problem:
    """A problem with its own sentence; `more` adds fields to the answer."""
    return Problem(HttpError(status, code, detail, headers, more))


def bad_parameter(name: str, rest: str) -> Problem:
    """400 for a value that cannot be used; `rest` completes the sentence and quotes nothing."""
    return Problem(http_errors.bad_parameter(f"The parameter {name} {rest}.", parameter=name))


def unknown_parameter(known: tuple[str, ...]) -> Problem:
    """400 for an unknown parameter; `known` are the valid names."""
    return problem(400, "unknown_parameter", f"The valid parameters of this address are: {', '.join(known)}.")


def not_found(what: str) -> Problem:
    """404; `what` is a noun such as "panel"."""
    return problem(404, "not_found", f"This {what} does not exist; /api/catalogue lists the dashboards and panels.")


def method_not_allowed() -> Problem:
    """405: only GET and HEAD are allowed."""
    return Problem(http_errors.method_not_allowed("GET", "HEAD"))


def wrong_host() -> Problem:
    """421: the Host header has a name that is not the page's."""
    return problem(
        421,
        "wrong_host",
        "The page cannot be opened under this host name: use the address that `make up` printed, "
        "or add the name to dashboards.hosts.",
    )


def internal() -> Problem:
    """500: a bug in the page; the log has the place."""
    return problem(
        500, "internal", "The request failed because of a bug; the log of `ackstream dashboards` has the place."
    )
