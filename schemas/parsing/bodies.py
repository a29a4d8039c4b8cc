"""The first step of a parser: a JSON body to its elements."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id, as_list
from schemas.parsing.results import Parsed, Rejected
from schemas.reasons import Reason

Elements: TypeAlias = Iterator[Parsed | Rejected]


def elements_of(body: bytes, read: Callable[[Json], Iterable[Parsed | Rejected]]) -> Elements:
    """What `read` makes of the decoded body; one `Rejected` for a body that is not JSON. Raises what `read` raises."""
    try:
        root = loads(body)
    except InvalidJSON as error:
        yield Rejected(Reason.INVALID_JSON, str(error))
        return
    yield from read(root)


def read_each(body: bytes, read: Callable[[Json], Iterable[Parsed | Rejected]]) -> Elements:
    """What `read` makes of each value in a body: of the items of a list, or of the one other value."""
    return elements_of(body, lambda root: chain.from_iterable(map(read, as_list(root))))


def read_named(body: bytes, key: str, read: Callable[[str, JsonObject], Iterable[Parsed | Rejected]]) -> Elements:
    """As `read_each`, for objects that name their event in `key`: `read` takes the name and the object.

    A value without a name is rejected.
    """

    def each(root: Json) -> Elements:
        for raw in as_list(root):
            if isinstance(raw, dict) and (name := as_id(raw.get(key))) is not None:
                yield from read(name, raw)
            else:
                yield Rejected(Reason.UNKNOWN_SHAPE, f"the body has no {key}", raw)

    return elements_of(body, each)
