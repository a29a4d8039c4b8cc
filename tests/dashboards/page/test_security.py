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
def test_on_loopback_only_loopback_names_are_accepted(bound: str) -> None:
    accepts = host_check(bound, ())
    assert [name for name in LOCAL if not accepts(name)] == []
    assert [name for name in FOREIGN if accepts(name)] == []


def test_names_in_the_settings_are_accepted() -> None:
    accepts = host_check("127.0.0.1", ("Dash.example.com",))
    assert accepts("dash.example.com:443")
    assert accepts("localhost")
    assert not accepts("example.com")


def test_on_other_addresses_every_name_is_accepted_unless_some_are_listed() -> None:
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


def test_only_the_page_s_own_scripts_may_run() -> None:
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in policy["style-src-elem"] + policy["script-src"] + policy["connect-src"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
