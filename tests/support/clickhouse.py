# ruff: noqa: S310
"""The ClickHouse server of the local stack as a process of its own, and ways to talk to it. IO."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver import Client

ADMIN = ("admin", "invented-1")
VIEWER = ("viewer", "invented-2")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> int:
        return int(self.headers.get("X-ClickHouse-Exception-Code", "0"))

    @property
    def summary(self) -> dict[str, str]:
        return dict(json.loads(self.headers["X-ClickHouse-Summary"]))


class Server:
    """One server process; `sql` is what curl would send."""

    def __init__(self, data: Path, *extra: str) -> None:
        users = data.parent / f"{data.name}-users.json"
        users.write_text(
            json.dumps(
                {
                    ADMIN[0]: {"password": ADMIN[1], "readonly": False},
                    VIEWER[0]: {"password": VIEWER[1], "readonly": True},
                }
            )
        )
        users.chmod(0o600)
        self.command = [
            sys.executable,
            "-m",
            "deploy.local.clickhouse_server",
            "--data",
            str(data),
            "--users",
            str(users),
        ]
        self.command += ["--host", "127.0.0.1", "--port", "0", *extra]
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=log)
        self.port = self._wait_for_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def _wait_for_port(self) -> int:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http://127.0.0.1:"), self.log.read_text()
        return int(line.rsplit(":", 1)[1])

    def http(
        self,
        path: str = "/",
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
        **params: str,
    ) -> Reply:
        url = self.url + path + ("?" + urllib.parse.urlencode(params) if params else "")
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def sql(
        self, text: str | bytes, *, user: tuple[str, str] = ADMIN, headers: dict[str, str] | None = None, **params: str
    ) -> Reply:
        data = text.encode() if isinstance(text, str) else text
        return self.http("/", data, {**basic(user), **(headers or {})}, "POST", **params)

    def ok(self, text: str | bytes, **params: Any) -> str:
        """The text of an answer to the full user, or to `user`. Fails with ClickHouse's error."""
        reply = self.sql(text, **params)
        assert reply.status == 200, reply.text
        return reply.text

    def client(self, user: tuple[str, str] = ADMIN, **options: Any) -> Client:
        return clickhouse_connect.get_client(
            host="127.0.0.1", port=self.port, username=user[0], password=user[1], **options
        )

    def memory_peak_mb(self) -> int:
        """Highest resident memory since the last `reset_memory_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    def reset_memory_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def basic(user: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(":".join(user).encode()).decode()}
