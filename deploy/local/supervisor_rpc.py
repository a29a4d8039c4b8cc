"""Calls of the supervisor over its socket: XML-RPC over HTTP, with a time for each answer."""

import base64
import os
import socket
from http.client import HTTPConnection
from typing import Any
from xmlrpc.client import ServerProxy, Transport

USER = "ackstream"


def call(path: str, password: str, seconds: float, method: str, *arguments: Any) -> Any:
    """The answer of a method. Raises OSError, HTTPException or xmlrpc's Error; TimeoutError after `seconds`."""
    transport = _Transport(path, password, seconds)
    with ServerProxy("http://127.0.0.1", transport=transport, allow_none=True) as server:
        return getattr(server, method)(*arguments)


class _Connection(HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("127.0.0.1", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        # The password goes to nobody else: another user may have taken a name in a folder that is open to all.
        if os.lstat(self._path).st_uid != os.getuid():
            raise PermissionError(f"{self._path} belongs to another user")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(Transport):
    def __init__(self, path: str, password: str, seconds: float) -> None:
        word = base64.b64encode(f"{USER}:{password}".encode()).decode()
        super().__init__(headers=[("Authorization", f"Basic {word}")])
        self._made = _Connection(path, seconds)

    def make_connection(self, host: Any) -> HTTPConnection:
        self._connection = host, self._made  # closed with the proxy
        return self._made
