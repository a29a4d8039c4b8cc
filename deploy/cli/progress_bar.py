"""Progress bars on the terminal, on stderr; nothing is drawn where stderr is not a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from dashboards.terminal import visible_console


class _Task:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def update(self, done: int | None = None, total: int | None = None, text: str | None = None) -> None:
        self._bar.update(self._task, completed=done, total=total, description=text)


class ProgressBar:
    """The display of one command: see streams.runtime.progress."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    def task(self, text: str, total: int | None = None) -> _Task:
        """Adds a line: its text, a bar, how many of how many, and how long it may still take."""
        return _Task(self._bar, self._bar.add_task(text, total=total))


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    """Draws until the end of the block."""
    console = visible_console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield ProgressBar(bar)
