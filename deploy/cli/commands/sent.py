"""`ackstream sent`: posts a file of sent records to the edge.

The records are posted to /sent/{source} and not written to Kafka directly: the edge checks the token, stores them on
its disk while Kafka is down, and may run anywhere; its URL and a token are enough, no access to Kafka is needed.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dashboards.terminal import visible_console
from deploy.cli.sent_post import Sender, SourceError
from deploy.cli.sent_rows import KINDS, Row, RowsError, rows
from schemas.errors import Failure
from schemas.parsing.json_text import dumps
from schemas.parsing.visible_text import visible_line
from schemas.settings.config import Config, load

# One request: some 50 ms of the edge's time, and small enough to be sent again when the answer is lost.
BATCH_RECORDS = 5_000
BATCH_BYTES = 512 * 1024
TOKEN = "ACKSTREAM_SENT_TOKEN"  # noqa: S105  (a variable's name)
# The bar is updated after this many rows.
_SHOW_ROWS = 1_000

Post = Callable[[str, list[bytes]], dict[int, str]]


class Batches:
    """Collects rows by source and posts them; counts them, and reports each refused row with `report`."""

    def __init__(self, post: Post, source: str | None, report: Callable[[str], None]) -> None:
        self._post = post
        self._source = source
        self._report = report
        self._open: dict[str, list[tuple[Row, bytes]]] = {}
        self._size = 0
        self.accepted = 0
        self.refused = 0

    def add(self, row: Row) -> None:
        """Adds a row. Raises SendError."""
        if row.record is None:
            self._refuse(row, row.reason or "")
            return
        source = row.record.get("source") or self._source
        if not isinstance(source, str):
            self._refuse(row, "The row names no source; add a column `source`, or give --source.")
            return
        line = dumps(row.record)
        self._open.setdefault(source, []).append((row, line))
        self._size += len(line)
        if self._size >= BATCH_BYTES or len(self._open[source]) >= BATCH_RECORDS:
            self.flush()

    def flush(self) -> None:
        """Posts the rows; those with a source that cannot be posted to are refused. Raises SendError."""
        batches, self._open, self._size = self._open, {}, 0
        for source, batch in batches.items():
            try:
                refused = self._post(source, [line for _, line in batch])
            except SourceError as error:
                if source == self._source:
                    raise
                refused = dict.fromkeys(range(len(batch)), f"{error}.")
            self.accepted += len(batch) - len(refused)
            for index, reason in refused.items():
                self._refuse(batch[index][0], reason)

    def _refuse(self, row: Row, reason: str) -> None:
        self.refused += 1
        printable = "".join(one if one.isprintable() else "?" for one in row.message_id or "")
        self._report(f"line {row.line}{printable and f', {printable}'}: {reason}")


@click.command()
@click.option(
    "--source",
    "-s",
    help="Source of rows without a column or field `source`; default: the only source in the settings.",
)
@click.option("--format", "kind", type=click.Choice(KINDS), help="Format of FILE; default: detected.")
@click.option("--url", help="URL of the edge, such as https://hooks.example.com; default: from the settings.")
@click.option("--check", is_flag=True, help="Only report which rows would be refused; send nothing.")
@click.argument("file", type=click.Path(path_type=Path))
def command(source: str | None, kind: str | None, url: str | None, check: bool, file: Path) -> None:
    """Report which messages your own program sent: a FILE of records (- for standard input).

    CSV with column names in the first line, or one JSON object per line (NDJSON): message_id, to, sent_at,
    template, campaign, category, callback_data. Refused rows are printed with line, id and reason, and make the exit
    code 1. Running it again counts nothing twice. The token is the source's first sent_token of the settings, or what
    ACKSTREAM_SENT_TOKEN holds.
    """
    config = None if check or (url and os.environ.get(TOKEN)) else load()
    if source is None and config is not None and len(config.sources) == 1:
        source = next(iter(config.sources))
    try:
        with _poster(config, url, check) as post:
            batches = _send(file, kind, Batches(post, source or ("any" if check else None), _print))
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from None
    except RowsError as error:
        raise Failure(f"{file}: {error}") from None
    click.echo(f"{batches.accepted:,} rows {'can be accepted' if check else 'are stored'}, {batches.refused:,} refused")
    if batches.refused:
        raise Failure("rows were refused, see above: correct them and run this again, nothing is counted twice")


@contextmanager
def _poster(config: Config | None, url: str | None, check: bool) -> Iterator[Post]:
    if check:
        yield lambda _, __: {}
        return
    tokens = Tokens(config)
    with closing(Sender(url or (config.ingest.url if config else ""))) as sender:
        yield lambda source, lines: sender.post(source, tokens.of(source), lines)


class Tokens:
    """The token of each source: from the environment, else the first one of the settings."""

    def __init__(self, config: Config | None) -> None:
        self._config = config
        self._known: dict[str, str] = {}

    def of(self, source: str) -> str:
        """The token. Raises SourceError when there is none, ConfigError when it cannot be read."""
        if source not in self._known:
            self._known[source] = os.environ.get(TOKEN) or self._of_settings(source)
        return self._known[source]

    def _of_settings(self, source: str) -> str:
        settings = self._config.sources.get(source) if self._config else None
        if settings is None:
            known = ", ".join(self._config.sources) if self._config else ""
            raise SourceError(f"the settings have no source {source!r}: name one of {known or 'none'}")
        if not settings.sent_tokens:
            raise SourceError(f"sources.{source} has no sent_tokens: add one to the settings, or set {TOKEN}")
        return settings.sent_tokens[0].read()


def _send(file: Path, kind: str | None, batches: Batches) -> Batches:
    with click.open_file(str(file), "rb") as stream, _bar(file) as show:
        for count, row in enumerate(rows(stream, kind), 1):
            batches.add(row)
            if count % _SHOW_ROWS == 0:
                show(count, stream)
        batches.flush()
    return batches


def _print(line: str) -> None:
    """Prints a line that quotes the file; a bar on the terminal would read its escape sequences."""
    click.echo(visible_line(line))


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[int, IO[bytes]], None]]:
    """Shows how many rows are done and how much of the file; the length of standard input is unknown."""
    total = file.stat().st_size if file.is_file() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    # A bar on the terminal must not mix with output to a file.
    console = visible_console(stderr=True)
    alone = not console.is_terminal
    with Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty(), disable=alone) as bar:
        task = bar.add_task("0 rows", total=total)

        def show(count: int, stream: IO[bytes]) -> None:
            done = stream.tell() if total is not None else None
            bar.update(task, description=f"{count:,} rows", completed=done)

        yield show
