"""Addresses of a source in every spelling."""

import pytest

from schemas.addresses import Address, address_behind_proxy, address_of


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/webhooks/shop", ("webhooks", "shop", "")),
        ("/webhooks/shop/", ("webhooks", "shop", "")),
        ("//webhooks///shop//", ("webhooks", "shop", "")),
        ("/WEBHOOKS/Shop", ("webhooks", "shop", "")),
        ("/Sent/SHOP/", ("sent", "shop", "")),
        ("/webhooks/shop//Secret-A//messages-upsert/", ("webhooks", "shop", "Secret-A/messages-upsert")),
        ("/webhooks", None),
        ("/webhooks/", None),
        ("/", None),
        ("", None),
        ("/healthz/shop", None),
        ("/api/webhooks/shop", None),
    ],
)
def test_a_path_is_one_address(path: str, found: tuple[str, str, str] | None) -> None:
    assert address_of(path) == found


@pytest.mark.parametrize("path", ["/edge/webhooks/shop/x", "/webhooks/webhooks/shop//x/", "/a/WEBHOOKS/Shop/x"])
def test_a_proxy_may_extend_the_path(path: str) -> None:
    assert address_behind_proxy(path, "shop") == Address("webhooks", "shop", "x")


def test_the_path_of_another_source_is_none() -> None:
    assert address_behind_proxy("/webhooks/crm/x", "shop") is None
