"""The first step of a parser: a JSON body to its elements."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.results import Parsed, Rejected
from schemas.reasons import Reason

Elements = Iterator[Parsed | Rejected]


def elements_of(body: bytes, read: Callable[[Any], Iterable[Parsed | Rejected]]) -> Elements:
    """What `read` makes of the decoded body; one `Rejected` for a body that is not JSON. Raises what `read` raises."""
    try:
        root = loads(body)
    except InvalidJSON as error:
        yield Rejected(Reason.INVALID_JSON, str(error))
        return
    yield from read(root)
