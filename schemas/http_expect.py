"""The header Expect. aiohttp itself quotes an unknown one in its answer, and fails when its bytes are no text."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp.web import Server


def pass_over_odd_expect(server: "Server | None") -> None:
    """Makes the server of a runner, after its set-up, pass over every Expect but `100-continue`, as HTTP allows."""
    assert server is not None  # noqa: S101  (made by the set-up of its runner)
    make_request = server.request_factory

    def make(message: Any, *others: Any) -> Any:
        if message.headers.get("Expect", "100-continue").lower() != "100-continue":
            headers = message.headers.copy()
            headers.popall("Expect")
            message = message._replace(headers=headers)
        return make_request(message, *others)

    server.request_factory = make
