"""One stretch of the simulation: messages happen, and what of them is due is put on the wire. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from random import Random

from deploy.simulator import edge_cases, inbound, outbound, wire
from deploy.simulator.facts import Account, Fact, Request
from deploy.simulator.wire_meta import Batches
from deploy.simulator.world import Voice, World

Story = Callable[[World, Voice], int | None]

_CLOUD: dict[Story, int] = {
    outbound.one_to_one: 540, inbound.from_customer: 55, outbound.to_group: 5, outbound.echo_only: 6,
    inbound.backfill: 8,
}  # fmt: skip
# What a message is, in parts of all messages; a provider that is simulated several times has its share each time.
_SHARES: dict[str, dict[Story, int]] = {
    "meta": _CLOUD,
    "360dialog": _CLOUD,
    "wasender": {
        outbound.one_to_one: 175, outbound.burst: 6, inbound.from_customer: 45, outbound.to_group: 10,
        inbound.from_group: 5, outbound.echo_only: 7, inbound.own_read_alone: 3,
    },
    "evolution": {
        outbound.one_to_one: 175, inbound.from_customer: 45, inbound.from_group: 5, outbound.echo_only: 7,
    },
    "zapini": {outbound.one_to_one: 110, inbound.from_customer: 25},
}  # fmt: skip
_REDELIVERED = 0.015  # whole bodies that a provider sends again

Spare = dict[str, tuple[list[Fact], list[Fact]]]


@dataclass(slots=True, frozen=True)
class Wiring:
    """How facts go onto the wire."""

    accounts: tuple[Account, ...]
    batches: Batches


def live(world: World, messages: int) -> int:
    """Lets messages happen until there are enough; how many there are."""
    kinds = [
        (story, voice, share) for voice in world.voices.values() for story, share in _SHARES[voice.provider].items()
    ]
    weights = [share for _, _, share in kinds]
    made = 0
    while made < messages:
        story, voice, _ = world.dice.choices(kinds, weights)[0]
        made += story(world, voice) or 1
    return made


def requests(world: World, facts: Iterable[Fact], wiring: Wiring) -> list[Request]:
    """The facts, in their order of arrival, as requests, and what is odd beside them; in no order."""
    ordered = list(facts)
    spare = _spare(ordered, world, wiring.accounts)
    taken = {id(fact) for pair in spare.values() for fact in chain(*pair)}
    told = _told([fact for fact in ordered if id(fact) not in taken], world.dice, wiring)
    return [*told, *edge_cases.stored(world, wiring.accounts, spare)]


def redelivered(world: World, posted: Iterable[Request]) -> list[Request]:
    """Some of the bodies once more, bytes and proof as they were."""
    return [
        replace(request, arrival=world.repeat(request.arrival))
        for request in posted
        if request.facts and world.chance(_REDELIVERED)
    ]


def _told(facts: list[Fact], dice: Random, wiring: Wiring) -> Iterator[Request]:
    for account in wiring.accounts:
        own = [fact for fact in facts if fact.source == account.source]
        yield from wire.requests(own, account, dice, wiring.batches)


def _spare(facts: list[Fact], world: World, accounts: Iterable[Account]) -> Spare:
    """A few facts of one source with Meta's bodies that travel beside broken siblings."""
    source = next((each.source for each in accounts if world.voices[each.source].cloud), "")
    own = [fact for fact in facts if fact.source == source]
    statuses = [
        fact for fact in own if fact.kind == "status" and fact.status != "deleted" and not fact.told.get("historical")
    ]
    records = [fact for fact in own if fact.origin == "api"]
    return {source: (statuses[: edge_cases.SPARE_STATUSES], records[: edge_cases.SPARE_RECORDS])}
