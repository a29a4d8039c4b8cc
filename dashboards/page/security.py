"""Which host names the page accepts, and the security headers of its answers.

The page has no login and no cookies. Bound to a loopback address, it accepts only loopback host names, so that a
foreign site cannot reach it through its own name that resolves to 127.0.0.1 (DNS rebinding).
"""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Final

# Plotly writes style attributes and one style element that it creates empty: this is the hash of an empty text.
_EMPTY_STYLE: Final = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src-elem": f"'self' {_EMPTY_STYLE}",
    "style-src-attr": "'unsafe-inline'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS: Final = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_LOOPBACK_NAMES: Final = ("localhost", "localhost.localdomain", "ip6-localhost")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is a loopback one."""
    bare = (host[1:-1] if host.startswith("[") and host.endswith("]") else host).rstrip(".").lower()
    if bare in _LOOPBACK_NAMES or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def host_check(bound_to: str, allowed: Sequence[str]) -> Callable[[str], bool]:
    """A check of Host headers. Bound to a non-loopback address, it accepts every name unless `allowed` lists some."""
    names = {name.lower().rstrip(".") for name in allowed}
    any_name = not names and not is_loopback(bound_to)

    def check(header: str) -> bool:
        name = _without_port(header).lower().rstrip(".")
        return any_name or name in names or is_loopback(name)

    return check


def _without_port(header: str) -> str:
    if header.startswith("["):
        address, closed, _ = header.partition("]")
        return address + closed
    return header.partition(":")[0]
