"""TCP ports of this machine: free ones, and who has one. IO: binds and connects on loopback, asks `ss` or `lsof`."""

import random
import re
import shutil
import socket
import subprocess
from contextlib import suppress

# Systems hand out ports above 32768 (Linux) or 49152 (macOS) to outgoing connections; one chosen below stays ours
# while its owner restarts.
_LOW, _HIGH = 12_000, 32_000


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 that nobody listens on."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(_LOW, _HIGH)  # noqa: S311  (not a secret)
        if port not in found and can_bind("127.0.0.1", port):
            found.append(port)
    return found


def can_bind(host: str, port: int) -> bool:
    """Whether a server could listen on host:port now. A host that is no address of this machine counts as not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # What servers set: a port whose last connections are in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def accepts(host: str, port: int, seconds: float = 1.0) -> bool:
    """Whether something accepts connections there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=seconds):
        return True
    return False


def owner(port: int) -> str | None:
    """The program that listens on `port` as "name (pid 123)"; None when the system does not tell."""
    if shutil.which("ss"):
        output = _output(["ss", "-H", "-l", "-t", "-n", "-p", f"sport = :{port}"])
        match = re.search(r'\(\("([^"]+)",pid=(\d+)', output)
        return f"{match[1]} (pid {match[2]})" if match else None
    if shutil.which("lsof"):
        output = _output(["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"])
        fields = {line[:1]: line[1:] for line in output.splitlines()}
        return f"{fields['c']} (pid {fields['p']})" if {"c", "p"} <= fields.keys() else None
    return None


def _output(command: list[str]) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
        return done.stdout
    return ""
