"""The whole demo as data: every request in the order of posting, and the truth about them. Pure.

Same settings, seed, start and run: the same bodies byte for byte.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from deploy.demo import inbound, oddities, outbound, wire_meta, wire_sent, wire_wasender, wire_zapini
from deploy.demo.facts import HOUR, SECOND, Accounts, Fact, Ids, Request, dice
from deploy.demo.truth import Truth, tell
from deploy.demo.world import Voice, World, voices

# What a message is, in parts per thousand of all messages.
_SHARES: dict[str, dict[Callable[[World, Voice], int | None], int]] = {
    "meta": {
        outbound.one_to_one: 540, inbound.from_customer: 55, outbound.to_group: 5, outbound.echo_only: 6,
        inbound.backfill: 8,
    },
    "wasender": {
        outbound.one_to_one: 175, outbound.burst: 6, inbound.from_customer: 45, outbound.to_group: 10,
        inbound.from_group: 5, outbound.echo_only: 7, inbound.own_read_alone: 3,
    },
    "zapini": {outbound.one_to_one: 110, inbound.from_customer: 25},
}  # fmt: skip
_REDELIVERED = 0.015  # whole bodies that a provider sends again


@dataclass(slots=True, frozen=True)
class Traffic:
    """`messages` counts messages of either direction; requests are in the order of posting."""

    run: str
    messages: int
    requests: tuple[Request, ...]
    truth: Truth
    prefixes: tuple[str, str, str]
    sources: tuple[str, ...]


def plan(accounts: Accounts, messages: int, seed: int, now: int, run: str, max_body_bytes: int) -> Traffic:
    """About `messages` messages of the ten days before `now` (ms) and everything that was told of them."""
    chance, ids = dice(seed, now, run), Ids(run)
    world = World(chance, now, ids, voices(accounts, ids))
    made = _live(world, messages)
    spare = _spare(world.facts)
    odd = oddities.requests(world, accounts, *spare, max_body_bytes)
    taken = {id(fact) for fact in chain(*spare)}
    facts = sorted((fact for fact in world.facts if id(fact) not in taken), key=lambda fact: fact.arrival)
    requests = [*chain(_wire(facts, accounts, world), odd)]
    again = [
        replace(request, arrival=request.arrival + chance.randint(2 * SECOND, 6 * HOUR))
        for request in requests
        if request.facts and chance.random() < _REDELIVERED
    ]
    ordered = tuple(sorted(requests + again, key=lambda request: request.arrival))
    return Traffic(
        run=run, messages=made, requests=ordered, truth=truth_of(ordered), prefixes=ids.prefixes,
        sources=tuple(account.source for account in accounts),
    )  # fmt: skip


def truth_of(requests: tuple[Request, ...]) -> Truth:
    """The truth about everything in these requests that must be taken."""
    return tell(
        (fact for request in requests for fact in request.facts),
        ((request.path.rpartition("/")[2], reason) for request in requests for reason in request.dead),
    )


def _live(world: World, messages: int) -> int:
    """Lets messages happen until there are enough; how many there are."""
    kinds = [(story, world.voices[name], share) for name, shares in _SHARES.items() for story, share in shares.items()]
    weights = [share for _, _, share in kinds]
    made = 0
    while made < messages:
        story, voice, _ = world.dice.choices(kinds, weights)[0]
        made += story(world, voice) or 1
    return made


def _spare(facts: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """A few facts of Meta that travel beside broken siblings."""
    source = next((fact.source for fact in facts if fact.told.get("account", "").startswith("7006")), "")
    statuses = [
        fact for fact in facts
        if fact.source == source and fact.kind == "status" and fact.status != "deleted"
        and not fact.told.get("historical")
    ]  # fmt: skip
    records = [fact for fact in facts if fact.source == source and fact.origin == "api"]
    return statuses[: oddities.SPARE_STATUSES], records[: oddities.SPARE_RECORDS]


def _wire(facts: list[Fact], accounts: Accounts, world: World) -> Iterator[Request]:
    for account in accounts:
        told = [fact for fact in facts if fact.source == account.source]
        yield from wire_sent.requests([fact for fact in told if fact.origin == "api"], account, world.dice)
        posted = [fact for fact in told if fact.origin != "api"]
        if account is accounts.meta:
            yield from wire_meta.requests(posted, account, world.dice)
        elif account is accounts.wasender:
            yield from wire_wasender.requests(posted, account)
        else:
            yield from wire_zapini.requests(posted, account)
