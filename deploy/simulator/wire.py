"""Facts as requests, in each provider's own way. Pure."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from deploy.simulator import wire_evolution, wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.simulator.facts import Account, Fact, Request, with_bearer
from deploy.simulator.wire_meta import Batches

_POSTED: dict[str, Callable[..., Request]] = {
    "meta": wire_meta.signed,
    "360dialog": with_bearer,
    "wasender": wire_wasender.posted,
    "evolution": with_bearer,
    "zapini": with_bearer,
}


def posted(account: Account, body: bytes, arrival: int, **more: Any) -> Request:
    """A POST of any bytes, proven as the account's provider proves its own; `more` are fields of Request."""
    return _POSTED[account.provider](account, body, arrival, **more)


def requests(facts: list[Fact], account: Account, dice: Random, batches: Batches) -> Iterator[Request]:
    """All that one source is told, and its sent records. `facts` are the account's, in the order of arrival."""
    yield from wire_sent.requests([fact for fact in facts if fact.origin == "api"], account, dice)
    told = [fact for fact in facts if fact.origin != "api"]
    match account.provider:
        case "wasender":
            yield from wire_wasender.requests(told, account)
        case "evolution":
            yield from wire_evolution.requests(told, account)
        case "zapini":
            yield from wire_zapini.requests(told, account)
        case _:
            yield from wire_meta.requests(told, account, dice, batches, _POSTED[account.provider])
