"""A TCP proxy that can hold back the bytes that clients send."""

import contextlib
import socket
import threading


class Valve:
    """Forwards connections to `port` of this machine. While it is shut, it keeps the bytes that clients send."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._held = b""
        self._answers = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Holds back everything that clients send from now on."""
        self._open.clear()

    def open(self) -> int:
        """Forwards the kept bytes; returns how many answers had come before."""
        with self._lock:
            before, self._held = self._answers, b""
        self._open.set()
        return before

    @property
    def held(self) -> bytes:
        """The bytes kept at present."""
        with self._lock:
            return self._held

    @property
    def answers(self) -> int:
        """How many pieces of answers have come back so far."""
        with self._lock:
            return self._answers

    def close(self) -> None:
        """Accepts no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._return, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), server:
            while data := client.recv(1 << 16):
                if not self._open.is_set():
                    with self._lock:
                        self._held += data
                    self._open.wait()
                server.sendall(data)

    def _return(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            while data := server.recv(1 << 16):
                with self._lock:
                    self._answers += 1
                client.sendall(data)
