"""Any command line ends with an exit code and, when it fails, with sentences on stderr: never with a traceback."""

import contextlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.main import cli as group
from deploy.local.ports import free_ports
from tests.support import cli

# Commands that with these settings would start or delete something, or post for a long time.
ACTING = {"up", "ingest", "worker", "dashboards", "clean", "down", "demo", "simulate", "sent"}
SETTINGS = """
[ingest]
port = {0}
[kafka]
bootstrap = "127.0.0.1:{1}"
[clickhouse]
url = "http://127.0.0.1:{2}"
[dashboards]
port = {3}
[sources.shop]
provider = "meta"
"""
FILES = {
    "body.json": b'{"object": "whatsapp_business_account", "entry": [{"id": 1}]}',
    "cases.jsonl": b'{"provider": "zapini", "body_base64": "e30="}\n[]\n{"provider": 1, "headers": {"a": null}}',
    "rows.csv": b"message_id,to\n1,2\n\xff,\x00\n",
    "mapping.toml": b'events = "a"\n[[rules]]\nkind = "status"\n',
    "deep.toml": b"a = " + b"[" * 5_000,
    "deep.json": b"[" * 100_000,
    "bytes": b"\xff\xfe\x00",
    "empty": b"",
}
WORDS = (
    "", " ", "0", "-1", "9" * 400, "1e999", "nan", "inf", "beginning", "2026-11-20T12:00:00Z", "2026-99-99",
    "0001-01-01", "9999-12-31T23:59:59+14:00", "meta", "shop", "generic", "3:1207:0",
    "99999999999:99999999999999999999:0", "a: b", ":", "=", "a=b&c=%ff", "%", "{x}", "[red]", "http:[",
    "http:x:y", "shadow", "+5511955550001", "\x1b[2J", "\u202e", "\U0001f600", "\n", "--", "-x", "--json",
    "wa.raw", "1/2", "SELECT 1", "4d", "1000000h", "shop:0.5", *FILES, "nowhere",
)  # fmt: skip
JUNK = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=(), exclude_characters="/~\0"), max_size=8
).filter(lambda text: text != "-")


@cache
def commands() -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command with its name; those of groups, too."""
    context = click.Context(group)
    made: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            made += [((name, inner), each) for inner, each in found.commands.items()]
        else:
            made.append(((name,), found))
    return made


@st.composite
def command_lines(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[str]:
    """A command with some of its options, each with any value."""
    name, command = draw(st.sampled_from(commands()))
    words: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            words += draw(st.lists(JUNK, min_size=1, max_size=1 if parameter.nargs == 1 else 3))
        elif isinstance(parameter, click.Option) and draw(st.integers(0, 3)) == 0:
            words.append(draw(st.sampled_from(parameter.opts)))
            if not parameter.is_flag:
                words.append(draw(st.sampled_from(choices(parameter)) | JUNK))
    return [*name, *words]


def choices(option: click.Option) -> list[str]:
    """The words that an option takes, if it has a list of them."""
    return list(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ["1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of every kind, and settings of a stack that does not run."""
    commands()  # imports them all, which must not happen while a value is drawn
    made = tmp_path_factory.mktemp("any")
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    (made / "ackstream.toml").write_text(SETTINGS.format(*free_ports(4)))
    return made


@given(command_lines(), st.booleans())
def test_any_options(folder: Path, line: list[str], with_settings: bool) -> None:
    if line[0] == "up" or "--help" in line:
        return
    settings = folder / ("ackstream.toml" if with_settings and line[0] not in ACTING else "none.toml")
    check(folder, line, settings)


@given(st.lists(JUNK, max_size=4))
def test_any_words(folder: Path, line: list[str]) -> None:
    check(folder, line, folder / "none.toml")


@given(st.lists(JUNK, max_size=3))
def test_any_file_of_sent_records(folder: Path, line: list[str]) -> None:
    check(folder, ["sent", "--check", *line], folder / "ackstream.toml")


def check(folder: Path, line: list[str], settings: Path) -> None:
    """Runs the command in the folder. Every exception but the exit comes out of it."""
    with contextlib.chdir(folder):
        done = cli.run(*line, ACKSTREAM_CONFIG=str(settings))
    assert done.code in range(6) or done.code == 130, done
    assert done.code == 0 or done.stderr, done
    for each in done.stderr.splitlines():
        assert "Traceback" not in each
    assert not set(done.stderr) & {"\x1b", "\u202e"}
