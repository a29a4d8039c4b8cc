"""The progress bar of commands that work through so many things. Pure but for the terminal it draws on."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress(console: Console | None = None) -> Progress:
    """What is done, a bar, how many of how many, and how long it may still take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
