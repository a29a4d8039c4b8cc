"""Which host names the page accepts, and its security policy."""

import pytest

from dashboards.page.security import HEADERS, host_check, is_loopback

LOCAL = [
    "localhost",
    "LOCALHOST:8080",
    "localhost.",
    "ackstream.localhost",
    "127.0.0.1",
    "127.0.0.1:9",
    "127.8.0.1",
    "[::1]:8080",
    "[::1]",
]
FOREIGN = [
    "",
    "evil.invalid",
    "evil.invalid:8080",
    "localhost.evil.invalid",
    "127.0.0.1.evil.invalid",
    "192.0.2.1",
    "[2001:db8::1]:80",
    "[::1",
    "2130706433",
    "0x7f.1",
]


@pytest.mark.parametrize("bound", ["127.0.0.1", "::1", "localhost"])
def test_on_loopback_only_names_of_loopback_are_ours(bound: str) -> None:
    ours = host_check(bound, ())
    assert [name for name in LOCAL if not ours(name)] == []
    assert [name for name in FOREIGN if ours(name)] == []


def test_names_of_the_settings_are_ours_too() -> None:
    ours = host_check("127.0.0.1", ("Dash.example.com",))
    assert ours("dash.example.com:443")
    assert ours("localhost")
    assert not ours("example.com")


def test_past_loopback_every_name_is_ours_until_some_are_listed() -> None:
    assert host_check("0.0.0.0", ())("anything.invalid")  # noqa: S104
    listed = host_check("0.0.0.0", ("dash.example.com",))  # noqa: S104
    assert listed("dash.example.com")
    assert not listed("anything.invalid")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("10.0.0.1", False)],  # noqa: S104
)
def test_which_addresses_are_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_no_script_but_our_own_files_may_run() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in policy["style-src-elem"] + policy["script-src"] + policy["connect-src"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
