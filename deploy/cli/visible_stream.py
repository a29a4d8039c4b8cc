"""The terminal as standard output: no text that a command prints can move its cursor, hide or reorder what it shows."""

import codecs
from typing import Any, TextIO

from schemas.parsing.visible_text import visible


class _VisibleBytes:
    """The `buffer` of a VisibleText: bytes as text, those that are no UTF-8 as escapes."""

    def __init__(self, text: "VisibleText") -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, data: bytes) -> int:
        """Writes the bytes; returns their number."""
        self._text.write(self._decoder.decode(data))
        return len(data)

    def flush(self) -> None:
        """Writes what is buffered."""
        self._text.flush()


class VisibleText:
    """A terminal's stream for everything that is not printed by Rich; `rich_proxied_file` is where Rich prints."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream
        self.buffer = _VisibleBytes(self)

    def write(self, text: str) -> int:
        """Writes the text as `visible`; returns the number of characters of the text."""
        self.rich_proxied_file.write(visible(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)
