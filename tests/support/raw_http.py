"""HTTP requests that no client library sends, and what a server answers. IO."""

import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

_ODD = (
    "", " ", "\t", "\x00", "\x01", "\x7f", "\xff", "\xc3\xa9", "\r\n x", "%", "%00", "%ff", "a" * 9_000, "0", "-1",
    "1e9", "99999999999999999999", "0x10", "chunked", "gzip", "deflate", "gzip, deflate", "identity", "close",
    "keep-alive", "100-continue", "Upgrade", "websocket", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x", "text/plain; charset=\xff", "application/json; charset=utf-16", "Basic",
    "Basic ===", "Basic \xff", "Basic gICA", "Bearer \xff", "Digest a", "bytes=0-", "*", "[", "[::1", "1.2.3.4, \xff",
    "for=_x", "sha256=zz", "v1,\xff", "null", "{", "2026-99-99", '"', "'", "a;b=c", ",,,",
)  # fmt: skip
_TEXT = st.sampled_from(_ODD) | st.text(st.characters(max_codepoint=255), max_size=12)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_NAMES = (
    "Content-Encoding", "Content-Type", "Authorization", "Connection",
    "Expect", "Upgrade", "Accept", "Accept-Encoding", "Cookie", "Origin", "Referer", "Range", "If-None-Match",
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Hub-Signature-256", "X-Twilio-Signature",
    "X-Webhook-Signature", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature", "Sec-Fetch-Site",
    "X-ClickHouse-User", "X-ClickHouse-Key", "X-ClickHouse-Database", "X-ClickHouse-Format",
)  # fmt: skip
_BODIES = (
    b"", b"{}", b"[", b"\xff", b"SELECT 1", b"--x\r\n\r\n\r\n--x--\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"zz\r\n",
    b"a=%ff&b",
)  # fmt: skip
_METHODS = ("POST", "POST", "POST", "GET", "GET", "HEAD", "OPTIONS", "PUT")
# Parts that make a request invalid, or leave it open how long it is.
_BROKEN_NAMES = ("Content-Length", "Transfer-Encoding", "Host", "X Y", "", "\xff", ":")
_BROKEN_TARGETS = ("*", "//", "http://[", "http://a/b", "?", "/%zz", "/\xff", "")
_BROKEN_METHODS = ("CONNECT", "\xff", "A" * 99, "")
_VERSIONS = ("HTTP/1.0", "HTTP/9.9", "x", "")
# A request that is not whole is answered only when its time is over.
_WAIT_SECONDS = 0.3


@st.composite
def requests(draw: Callable[[st.SearchStrategy[Any]], Any], paths: tuple[str, ...], queries: tuple[str, ...]) -> bytes:
    """A request to one of the paths with odd headers, queries and bodies; one in five is also invalid HTTP."""
    method, target, version = draw(st.sampled_from(_METHODS)), draw(st.sampled_from(paths)), "HTTP/1.1"
    names = st.sampled_from(_NAMES)
    headers = [(name, _CONTROL.sub("", text)) for name, text in draw(st.lists(st.tuples(names, _TEXT), max_size=4))]
    values = draw(st.lists(st.tuples(st.sampled_from(queries), _TEXT), max_size=3))
    query = "&".join(f"{name}={quote(text, encoding='latin-1')}" for name, text in values)
    body: bytes = draw(st.sampled_from(_BODIES))
    if body:
        headers.append(("Content-Length", str(len(body))))
    match draw(st.sampled_from([""] * 16 + ["method", "target", "version", "header"])):
        case "method":
            method = draw(st.sampled_from(_BROKEN_METHODS))
        case "target":
            target = draw(st.sampled_from(_BROKEN_TARGETS))
        case "version":
            version = draw(st.sampled_from(_VERSIONS))
        case "header":
            headers.append((draw(st.sampled_from(_BROKEN_NAMES)), draw(_TEXT)))
    mark = "&" if "?" in target else "?"
    first = f"{method} {target}{mark if query else ''}{query} {version}"
    lines = [first, "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers), "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def exchange(port: int, request: bytes) -> bytes:
    """The first bytes of the answer; empty when the server closes the connection or waits for more."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.settimeout(_WAIT_SECONDS)
        try:
            connection.sendall(request)
            return connection.recv(65536)
        except (ConnectionError, TimeoutError):
            return b""


def status(answer: bytes) -> int:
    """The status of an answer; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0
