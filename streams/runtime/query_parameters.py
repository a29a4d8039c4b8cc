"""Lists as parameters of a query: they are part of its address, which servers limit to 1 MiB."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar
from urllib.parse import quote_plus

# Of the lists of one statement together; the rest of the address is for its other parameters and settings.
MOST_BYTES: Final = 720 * 1024

T = TypeVar("T")


def encoded_bytes(value: object) -> int:
    """About the bytes that an element of a list takes in the address."""
    return len(quote_plus(str(value), errors="replace"))


def portions(values: Iterable[T], most: int = MOST_BYTES) -> Iterator[list[T]]:
    """The values in order, in lists of at most `most` bytes; a larger value is a list of its own."""
    portion: list[T] = []
    size = 0
    for value in values:
        added = encoded_bytes(value)
        if portion and size + added > most:
            yield portion
            portion, size = [], 0
        portion.append(value)
        size += added
    if portion:
        yield portion
