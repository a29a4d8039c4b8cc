"""The interface for reporting a command's progress; `deploy.cli.progress_bar` draws it."""

from typing import Protocol


class Task(Protocol):
    """One line of the display."""

    def update(self, done: int | None = None, total: int | None = None, text: str | None = None) -> None:
        """Sets what is given: how much is done, of how much, and the text of the line."""


class Progress(Protocol):
    """The display of one command."""

    def task(self, text: str, total: int | None = None) -> Task:
        """Adds a line; `total` None = not known yet."""


class NoProgress:
    """Shows nothing: a Progress and its own Task."""

    def task(self, text: str, total: int | None = None) -> Task:  # noqa: ARG002  (the protocol's parameters)
        """A line that is not shown."""
        return self

    def update(self, done: int | None = None, total: int | None = None, text: str | None = None) -> None:
        """Does nothing."""
