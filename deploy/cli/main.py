"""`ackstream`: the command line. A command's module is imported only when the command is used."""

import logging
import sys
from importlib import import_module
from io import TextIOWrapper
from pkgutil import iter_modules
from typing import NoReturn, TextIO, cast

import click

from deploy.cli import commands
from deploy.cli.service_errors import as_failure
from deploy.cli.visible_stream import VisibleText
from schemas.parsing.visible_text import visible_line


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return sorted(found.name.replace("_", "-") for found in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{name.replace('-', '_')}")
        found: click.Command = module.command
        return found


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ackstream")
def cli() -> None:
    """WhatsApp webhooks in, exact delivery and read analytics out."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point: runs a command; its errors are one sentence on stderr and a non-zero exit (2 for wrong usage).

    `arguments`: those of the command line, None = the process's own.
    """
    _prepare_output()
    for library in ("aiokafka", "clickhouse_connect"):  # their own reports would repeat our error sentence
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        _check_utf8(sys.argv[1:] if arguments is None else arguments)
        sys.exit(cli(arguments, prog_name="ackstream", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command: its text is the help
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.UsageError as error:
        place = error.ctx.command_path if error.ctx else "ackstream"
        _say(f"{error.format_message().rstrip('.')}; see `{place} --help`")
        sys.exit(2)
    except click.ClickException as error:  # of click itself: a file that cannot be opened
        _say(error.format_message())
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        sys.exit(130)
    except Exception as error:
        failure = as_failure(error)
        if failure is None:
            raise
        for line in str(failure).splitlines():
            _say(line)
        sys.exit(failure.exit_code)


def _prepare_output() -> None:
    """No character ends a command (as on stderr), and none acts on a terminal."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stdout.isatty():
        sys.stdout = cast("TextIO", VisibleText(sys.stdout))


def _check_utf8(arguments: list[str]) -> None:
    """Raises click.UsageError for bytes that are no UTF-8: Python has them as surrogates, which no client sends."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            fault = f"argument {number} is not UTF-8: type it again, or rename the file that it names"
            raise click.UsageError(fault) from None


def _say(sentence: str) -> None:
    """One line on stderr: an error may quote the command line or what a server said."""
    click.echo(f"ackstream: {visible_line(sentence)}", err=True)
