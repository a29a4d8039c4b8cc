"""The errors that the page answers with: status, code and one sentence each."""

from schemas import http_errors
from schemas.http_errors import HttpError, retry_after

RETRY = retry_after(5)


class Problem(Exception):  # noqa: N818  (it carries an answer)
    """Ends a request with `error` as its answer."""

    def __init__(self, error: HttpError) -> None:
        super().__init__(error.code)
        self.error = error


def problem(status: int, code: str, detail: str, headers: http_errors.Headers = (), **more: object) -> Problem:
    """A problem with its own sentence; `more` adds fields to the answer."""
    return Problem(HttpError(status, code, detail, headers, more))


def bad_parameter(name: str, cure: str) -> Problem:
    """400 for a value that cannot be used; `cure` ends the sentence and quotes nothing."""
    return Problem(http_errors.bad_parameter(f"The parameter {name} {cure}.", parameter=name))


def unknown_parameter(known: tuple[str, ...]) -> Problem:
    """400 for a parameter name that is not one of `known`."""
    return problem(400, "unknown_parameter", f"This address takes only these parameters: {', '.join(known)}.")


def not_found(what: str) -> Problem:
    """404; `what` is a noun such as "panel"."""
    return problem(404, "not_found", f"This {what} does not exist; /api/catalogue lists the dashboards and panels.")


def method_not_allowed() -> Problem:
    """405: the page only reads."""
    return Problem(http_errors.method_not_allowed("GET", "HEAD"))


def wrong_host() -> Problem:
    """421: the Host header names another server."""
    return problem(
        421,
        "wrong_host",
        "The page does not answer to this host name: use the address that `make up` printed, "
        "or add the name to dashboards.hosts.",
    )


def internal() -> Problem:
    """500: a fault of the page; the log has its place."""
    return problem(
        500, "internal", "The request failed on our side; the log of `ackstream dashboards` names the place."
    )
