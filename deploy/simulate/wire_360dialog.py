"""360dialog as it is on the wire: Meta's bodies, proven by a header that the user entered. Pure."""

from typing import Any

from deploy.simulate.facts import Account, Request


def posted(account: Account, content: bytes, arrival: int, **more: Any) -> Request:
    """A POST of these bytes with the user's own header; Meta's signature is made with a secret that no user has."""
    headers = [("Content-Type", "application/json")]
    if secret := account.secret_at(arrival):
        headers.append(("Authorization", f"Bearer {secret}"))
    return Request(f"/webhooks/{account.source}", content, tuple(headers), arrival, **more)
