"""A stack of its own for a test: free ports, own settings file and data folder, run by the command line alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.ports import free_ports
from tests.support import cli
from tests.support.cli import Done

ROOT = Path(__file__).parents[3]


def run(env: dict[str, str], *arguments: str) -> Done:
    """`ackstream <arguments>` with the variables of `env`, in this process: a process costs half a second of CPU."""
    return cli.run(*arguments, **env)


def run_process(env: dict[str, str], *arguments: str, seconds: float = 280) -> subprocess.CompletedProcess[str]:
    """`ackstream <arguments>` in `env` as a user runs it, but never attached to a terminal."""
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(
        command,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )


def environment(folder: Path) -> dict[str, str]:
    """The settings of an installation in `folder`, on free ports."""
    ingest, kafka, controller, clickhouse, dashboards = free_ports(5)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ACKSTREAM_")}
    return {
        **clean,
        "ACKSTREAM_CONFIG": str(folder / "ackstream.toml"),
        "ACKSTREAM_INGEST_PORT": str(ingest),
        "ACKSTREAM_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka}",
        "ACKSTREAM_KAFKA_CONTROLLER_PORT": str(controller),
        "ACKSTREAM_KAFKA_PARTITIONS": "2",
        "ACKSTREAM_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse}",
        "ACKSTREAM_DASHBOARDS_PORT": str(dashboards),
    }


class Installation:
    """What a user has after `make up`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / ".ackstream"
        self.env = environment(folder)

    def up(self, **overrides: str) -> str:
        """Its output. Fails the test when it fails."""
        done = run_process({**self.env, **overrides}, "up")
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.logs()}"
        return done.stdout

    def refused(self, **overrides: str) -> str:
        """The one line on stderr of an `up` that fails."""
        done = run({**self.env, **overrides}, "up")
        assert done.code == 1, done.stdout
        [line] = done.stderr.splitlines()
        return line

    @contextmanager
    def settings(self, change: Callable[[str], str]) -> Iterator[None]:
        """A changed settings file, for a while."""
        file = Path(self.env["ACKSTREAM_CONFIG"])
        whole = file.read_text()
        file.write_text(change(whole))
        try:
            yield
        finally:
            file.write_text(whole)

    def down(self) -> None:
        done = run_process(self.env, "down")
        assert done.returncode == 0, done.stderr

    def status(self) -> dict[str, dict[str, Any]]:
        """What `status --json` says of each part."""
        found = json.loads(run(self.env, "status", "--json").stdout)
        return {part["name"]: part for part in found["parts"]}

    def pids(self) -> dict[str, list[int]]:
        return {name: part["pids"] for name, part in self.status().items()}

    def supervisor_pid(self) -> int:
        return int((self.data / "run" / "supervisor.pid").read_text())

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self.data.glob("log/*.log")))
