"""Facts as HTTP requests, in each provider's format."""

from collections.abc import Callable, Iterator
from random import Random

from deploy.simulator import wire_evolution, wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.simulator.facts import Account, Fact, Request, with_bearer
from deploy.simulator.wire_meta import Batches

_POST: dict[str, Callable[[Account, bytes, int, tuple[Fact, ...]], Request]] = {
    "meta": wire_meta.signed,
    "360dialog": with_bearer,
    "wasender": wire_wasender.posted,
    "evolution": with_bearer,
    "zapini": with_bearer,
}


def posted(account: Account, body: bytes, arrival: int, facts: tuple[Fact, ...] = ()) -> Request:
    """A POST of any bytes with the signature or header of the account's provider."""
    return _POST[account.provider](account, body, arrival, facts)


def requests(facts: list[Fact], account: Account, rng: Random, batches: Batches) -> Iterator[Request]:
    """Webhooks and sent records of one account. `facts` are the account's, in the order of arrival."""
    yield from wire_sent.requests([fact for fact in facts if fact.origin == "api"], account, rng)
    reported = [fact for fact in facts if fact.origin != "api"]
    match account.provider:
        case "wasender":
            yield from wire_wasender.requests(reported, account)
        case "evolution":
            yield from wire_evolution.requests(reported, account)
        case "zapini":
            yield from wire_zapini.requests(reported, account)
        case _:
            yield from wire_meta.requests(reported, account, rng, batches, _POST[account.provider])
