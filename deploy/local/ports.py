"""TCP ports of this machine: finds free ones and the owner of a taken one."""

import random
import re
import shutil
import socket
import subprocess
from contextlib import suppress

# Below the ephemeral ports (Linux from 32768, macOS from 49152): an outgoing connection cannot take the port while its
# owner restarts.
_LOW, _HIGH = 12_000, 32_000


def free_ports(count: int) -> list[int]:
    """`count` different free ports of 127.0.0.1."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(_LOW, _HIGH)  # noqa: S311  (not a secret)
        if port not in found and can_bind("127.0.0.1", port):
            found.append(port)
    return found


def can_bind(host: str, port: int) -> bool:
    """Whether a server could listen on host:port now; False for an address of another machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        # As servers do: a port with connections in TIME_WAIT counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            return False
    return True


def accepts(host: str, port: int, seconds: float = 1.0) -> bool:
    """Whether something accepts connections on host:port."""
    with suppress(OSError), socket.create_connection((host, port), timeout=seconds):
        return True
    return False


def owner(port: int) -> str | None:
    """The program that listens on `port` as "name (pid 123)"; None when `ss` and `lsof` do not show it."""
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
