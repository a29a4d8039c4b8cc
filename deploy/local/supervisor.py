"""The supervisor daemon and its XML-RPC interface."""

import configparser
import os
import resource
import subprocess
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xmlrpc.client import Error, Fault

from deploy.local import settings_file
from deploy.local.layout import Layout, shown, write_private
from deploy.local.parts import STOP_SECONDS
from deploy.local.socket_path import socket_path
from deploy.local.supervisor_conf import FILES, Daemon
from deploy.local.supervisor_rpc import call
from schemas.errors import Failure
from schemas.process.waiting import wait_for
from streams.runtime.heartbeat import EXIT_CIRCUIT_OPEN

_START_SECONDS = 20.0
_ANSWER_SECONDS = 5.0


@dataclass(slots=True, frozen=True)
class Process:
    """One process; `state` is the supervisor's state name (RUNNING, BACKOFF, ...)."""

    part: str
    instance: int
    state: str
    pid: int
    trouble: str = ""
    # Start of the process in epoch seconds; None when unknown.
    since: float | None = None
    # Exit code of its last run.
    exit_code: int = 0

    @property
    def circuit_open(self) -> bool:
        """Whether it ended because something must be changed first; the supervisor does not restart it."""
        return self.state == "EXITED" and self.exit_code == EXIT_CIRCUIT_OPEN


class Supervisor:
    """The supervisor of one data folder, running or not."""

    def __init__(self, layout: Layout) -> None:
        """Raises Failure when the packages of the local stack are not installed."""
        missing = [name for name in ("chdb", "lz4", "supervisor", "zstandard") if find_spec(name) is None]
        if missing:
            raise Failure(
                f"the local stack needs the packages {', '.join(missing)}: install `ackstream[local]`, or name your "
                "own Kafka and ClickHouse in the settings and start `ackstream ingest`, `worker` and `dashboards`"
            )
        self._layout = layout
        self._known = _recorded(layout.supervisor_conf)

    def daemon(self) -> Daemon:
        """The settings of the daemon; creates its password at the first call."""
        password = self._layout.secrets / "supervisor"
        settings_file.fill(password)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        # A running daemon keeps its socket, even if the folder for a new one has changed.
        socket = self._known[0] if self.alive() else str(socket_path(self._layout, os.environ))
        user = 0 if os.getuid() == 0 else None
        return Daemon(socket, password.read_text().strip(), files, user)

    def alive(self) -> bool:
        """Whether the daemon runs and answers."""
        if self._known[0] == "":
            return False
        try:
            return bool(self._call("supervisor.getState", seconds=_ANSWER_SECONDS)["statecode"] >= 0)
        except (OSError, HTTPException, Error):
            return False

    def launch(self, conf: str, hidden: Collection[str]) -> None:
        """Starts the daemon with the configuration `conf`, without the variables `hidden`. Raises Failure."""
        self.write(conf)
        # The overrides and secrets of `up` are in files; a later `up` may have others.
        env = {
            key: value for key, value in os.environ.items() if not key.startswith("ACKSTREAM_") and key not in hidden
        }
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._layout.supervisor_conf)]
        try:
            done = subprocess.run(  # noqa: S603
                command, env=env, capture_output=True, text=True, check=False, cwd=self._layout.root,
                timeout=_START_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failure(
                f"the supervisor did not start in {_START_SECONDS:g} s: does something else hold its socket "
                f"{self._known[0]}? ({shown(self._layout.log('supervisor'))})"
            ) from None
        if not wait_for(self.alive, _START_SECONDS if done.returncode == 0 else 0, every=0.05):
            output = (done.stderr + done.stdout).strip().splitlines() or ["it printed nothing"]
            raise Failure(f"the supervisor did not start: {output[0]} ({shown(self._layout.log('supervisor'))})")

    def write(self, conf: str) -> None:
        """Replaces the configuration file; it holds a password."""
        write_private(self._layout.supervisor_conf, conf)
        self._known = _recorded(self._layout.supervisor_conf)

    def reload(self, conf: str) -> tuple[list[str], list[str], list[str]]:
        """Loads a new configuration into a running daemon; returns the names of added, changed and removed parts.

        Processes change only by `remove` and `add`.
        """
        self.write(conf)
        [[added, changed, removed]] = self._call("supervisor.reloadConfig")
        return added, changed, removed

    def add(self, part: str) -> None:
        """Adds a part of the loaded configuration; does not start it."""
        self._call("supervisor.addProcessGroup", part)

    def start(self, part: str) -> None:
        """Starts the processes of a part that do not run; returns without waiting."""
        for process in self.processes():
            if process.part == part and process.state not in ("RUNNING", "STARTING"):
                self._call("supervisor.startProcess", f"{part}:{part}-{process.instance}", False)

    def remove(self, part: str) -> None:
        """Stops a part and removes it. Blocks until it has ended."""
        self._call("supervisor.stopProcessGroup", part)
        self._call("supervisor.removeProcessGroup", part)

    def processes(self) -> list[Process]:
        """Every process; empty when the daemon does not run."""
        if not self.alive():
            return []
        return [
            Process(
                info["group"],
                int(info["name"].rpartition("-")[2]),
                info["statename"],
                info["pid"],
                info["spawnerr"],
                float(info["start"]),
                info["exitstatus"],
            )
            for info in self._call("supervisor.getAllProcessInfo")
        ]

    def shutdown(self) -> None:
        """Stops every part in order, then the daemon; blocks until it has ended. Raises Failure."""
        pid = self._call("supervisor.getPID")
        self._call("supervisor.shutdown")
        if not wait_for(lambda: not _exists(pid), sum(STOP_SECONDS.values()) + _START_SECONDS):
            raise Failure(f"the supervisor (pid {pid}) does not stop: see {shown(self._layout.log('supervisor'))}")

    def _call(self, method: str, *arguments: Any, seconds: float = sum(STOP_SECONDS.values()) + _START_SECONDS) -> Any:
        socket, password = self._known
        try:
            return call(socket, password, seconds, method, *arguments)
        except Fault as fault:
            if method == "supervisor.startProcess" and "ALREADY_STARTED" in fault.faultString:
                return None
            raise Failure(f"the supervisor refused {method.partition('.')[2]}: {fault.faultString}") from None


def _exists(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


def _recorded(conf: Path) -> tuple[str, str]:
    """Socket and password in the configuration file; empty without a file."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    with suppress(OSError, configparser.Error):
        parser.read(conf)
    section = dict(parser["unix_http_server"]) if parser.has_section("unix_http_server") else {}
    return section.get("file", "").replace("%%", "%"), section.get("password", "")
