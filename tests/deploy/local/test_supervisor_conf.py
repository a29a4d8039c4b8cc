"""The supervisor reads back exactly what was meant, whatever characters paths and values hold."""

import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from deploy.local.layout import Layout
from deploy.local.parts import INSTANCE, Listener, Part
from deploy.local.supervisor_conf import ORDER, Daemon, recorded, render
from schemas.errors import Failure

DAEMON = Daemon("/run/s.sock", "word", 1024)


def read(text: str, folder: Path) -> ServerOptions:
    """What the supervisor makes of a configuration."""
    file = folder / "supervisor.conf"
    file.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(file)])
    return options


def test_paths_and_values_with_odd_characters_come_through(tmp_path: Path) -> None:
    root = tmp_path / 'it\'s 100% "odd"#;ü'
    layout = Layout(root)
    layout.create()
    command = ("/bin/echo", f"{root}/a b", "$HOME", INSTANCE, '"', "\\")
    part = Part("ingest", "", command, count=2, stamp="s")
    environment = {"A": "it's %(x)s 100%", "B": 'say "a, b" now', "C": "x=1,y=2", "D": "C:\\x"}
    options = read(render(DAEMON, layout, [part], lambda _: environment), tmp_path)
    [group] = options.process_group_configs
    assert [config.name for config in group.process_configs] == ["ingest-0", "ingest-1"]
    process = group.process_configs[1]
    assert shlex.split(process.command) == [word.replace(INSTANCE, "1") for word in command]
    assert {key: process.environment[key] for key in environment} == environment
    assert process.stdout_logfile == str(layout.log("ingest", 1))
    assert process.stopsignal == 15
    assert not process.autostart


@pytest.mark.parametrize("value", ["a ;b", "%(here)s", "a #b", "a\nb", "both ' and \" in it", '"end"'])
def test_what_its_format_cannot_hold_is_refused(tmp_path: Path, value: str) -> None:
    part = Part("ingest", "", ("x",))
    with pytest.raises(Failure):
        render(DAEMON, Layout(tmp_path), [part], lambda _: {"A": value})


def test_stores_start_first_and_stop_last(tmp_path: Path) -> None:
    Layout(tmp_path).create()
    found = [Part(name, "", ("/bin/true",)) for name in reversed(ORDER)]
    options = read(render(DAEMON, Layout(tmp_path), found, lambda _: {}), tmp_path)
    priorities = {group.name: group.priority for group in options.process_group_configs}
    assert sorted(priorities, key=priorities.__getitem__) == list(ORDER)


def test_what_was_configured_is_read_back(tmp_path: Path) -> None:
    listeners = tuple(Listener("127.0.0.1", port, "", "") for port in (29998, 29999))
    found = [Part("kafka", "", ("x",), listeners=listeners), Part("load", "", ("y",))]
    text = render(DAEMON, Layout(tmp_path), found, lambda _: {})
    before = recorded(text)
    assert {name: before.ports(name) for name in before.programs} == {"kafka": {29998, 29999}, "load": set()}
    assert before.ports("ingest") == set()
    changed = recorded(render(DAEMON, Layout(tmp_path), [found[0], Part("load", "", ("z",))], lambda _: {}))
    assert changed.head == before.head
    assert {name for name in before.programs if changed.programs[name] == before.programs[name]} == {"kafka"}
    assert recorded("").programs == {}
