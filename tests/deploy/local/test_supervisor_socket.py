"""The supervisor's socket: nobody else can take its name, and nobody who has one can make a command wait for ever."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.local.layout import Layout
from deploy.local.socket_path import socket_path
from deploy.local.supervisor import Supervisor
from deploy.local.supervisor_conf import render
from schemas.errors import Failure


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket, which that of `tmp_path` may not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


def test_it_is_in_the_data_folder(short: Path) -> None:
    assert socket_path(Layout(short), {"XDG_RUNTIME_DIR": "/run"}) == short / "run" / "supervisor.sock"


def test_for_a_long_path_it_is_in_a_folder_of_this_user_alone(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = [Layout(short / (letter * 100)) for letter in "ab"]
    runtime, temporary = short / "runtime", short / "tmp"
    for folder in (runtime, temporary):
        folder.mkdir(mode=0o700)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(temporary))
    assert socket_path(deep[0], {"XDG_RUNTIME_DIR": str(runtime)}).parent == runtime
    runtime.chmod(0o755)
    found = [socket_path(layout, {"XDG_RUNTIME_DIR": str(runtime)}) for layout in deep]
    assert {path.parent for path in found} == {temporary / f"ackstream-{os.getuid()}"}
    assert found[0].parent.stat().st_mode & 0o777 == 0o700
    assert found[0] != found[1]
    assert all(len(os.fsencode(path)) <= 90 for path in found)


@pytest.mark.parametrize("taken", ["file", "link", "open folder"])
def test_a_folder_that_others_may_have_is_refused(short: Path, monkeypatch: pytest.MonkeyPatch, taken: str) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(short))
    private = short / f"ackstream-{os.getuid()}"
    match taken:
        case "file":
            private.touch(mode=0o700)
        case "link":
            private.symlink_to(short)
        case _:
            private.mkdir()
            private.chmod(0o777)
    with pytest.raises(Failure, match="set TMPDIR to"):
        socket_path(Layout(short / ("x" * 100)), {})


def configured(folder: Path) -> Supervisor:
    """A supervisor that is not running, with its configuration written."""
    layout = Layout(folder)
    layout.create()
    made = Supervisor(layout)
    made.write(render(made.daemon(), layout, [], lambda _: {}))
    return made


def test_a_listener_that_never_answers_is_no_supervisor(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_ANSWER_SECONDS", 0.2)
    made = configured(short)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short / "run" / "supervisor.sock"))
        listener.listen()
        assert not made.alive()


def test_the_password_is_not_sent_to_the_socket_of_another_user(short: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make a socket of another user")
    made = configured(short)
    with socket.socket(socket.AF_UNIX) as listener:
        path = short / "run" / "supervisor.sock"
        listener.bind(str(path))
        listener.listen()
        os.chown(path, 65534, 65534)
        assert not made.alive()
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_start_that_hangs_ends_with_a_sentence(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_START_SECONDS", 1.0)
    made = configured(short)
    (short / "run" / "supervisor.sock").mkdir()
    with pytest.raises(Failure, match=r"did not start in 1 s: does something else hold its socket"):
        made.launch((short / "run" / "supervisor.conf").read_text(), ())
