"""What the page answers when it cannot answer: status, code and one sentence each. Pure.

The sentences quote nothing of a request and nothing of a row, so that no phone number can stand in an error body.
"""

from schemas.parsing.json_text import dumps


class Problem(Exception):  # noqa: N818  (it is an answer as much as an error)
    """Ends a request with `status` and {"error": code, "detail": sentence}; `more` adds fields of its own."""

    def __init__(
        self, status: int, code: str, detail: str, headers: tuple[tuple[str, str], ...] = (), **more: object
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.more = more

    def body(self) -> bytes:
        """The JSON of the answer."""
        return dumps({"error": self.code, "detail": self.detail, **self.more})


RETRY = (("Retry-After", "5"),)


def bad_parameter(name: str, cure: str) -> Problem:
    """400 for a value that cannot be used; `cure` ends the sentence and quotes nothing."""
    return Problem(400, "bad_parameter", f"The parameter {name} {cure}.", parameter=name)


def unknown_parameter(known: tuple[str, ...]) -> Problem:
    """400 for a name that is none of `known`."""
    return Problem(
        400, "unknown_parameter", f"There is a parameter that this address does not take: {', '.join(known)}."
    )


def not_found(what: str) -> Problem:
    """404; `what` is a noun such as "panel"."""
    return Problem(404, "not_found", f"There is no such {what}; /api/catalogue lists what there is.")


def method_not_allowed() -> Problem:
    """405: the page only reads."""
    return Problem(405, "method_not_allowed", "This address takes GET and HEAD.", (("Allow", "GET, HEAD"),))


def wrong_host() -> Problem:
    """421: the name in the Host header is none of ours."""
    return Problem(
        421,
        "wrong_host",
        "This name is not one that the page answers to: use the address that `make up` printed, "
        "or add the name to dashboards.hosts.",
    )


def internal() -> Problem:
    """500: our own mistake; the log has its place."""
    return Problem(
        500, "internal", "The request failed on our side; the log of `ackstream dashboards` names the place."
    )
