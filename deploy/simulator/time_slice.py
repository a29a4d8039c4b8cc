"""One stretch of time of a simulation: messages are generated, and the facts that are due become requests."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from random import Random

from deploy.simulator import edge_cases, inbound, outbound, wire
from deploy.simulator.facts import Account, Fact, Request
from deploy.simulator.profiles import Profile
from deploy.simulator.simulation import Simulation
from deploy.simulator.wire_meta import Batches

Scenario = Callable[[Simulation, Profile], int | None]  # returns how many messages it was; None: one

_CLOUD: dict[Scenario, int] = {
    outbound.one_to_one: 540, inbound.from_customer: 55, outbound.to_group: 5, outbound.echo_only: 6,
    inbound.backfill: 8,
}  # fmt: skip
# How often each scenario happens, as weights over all providers; each source of a provider has them in full.
_WEIGHTS: dict[str, dict[Scenario, int]] = {
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
_REDELIVERED = 0.015  # of all bodies are delivered again as a whole

Spare = dict[str, tuple[list[Fact], list[Fact]]]


def generate(sim: Simulation, messages: int) -> int:
    """Generates the facts of at least this many messages; returns how many it were."""
    kinds = [
        (scenario, profile, weight)
        for profile in sim.profiles.values()
        for scenario, weight in _WEIGHTS[profile.provider].items()
    ]
    weights = [weight for _, _, weight in kinds]
    made = 0
    while made < messages:
        scenario, profile, _ = sim.rng.choices(kinds, weights)[0]
        made += scenario(sim, profile) or 1
    return made


def requests(sim: Simulation, facts: Iterable[Fact], accounts: tuple[Account, ...], batches: Batches) -> list[Request]:
    """Requests of the facts, which are in the order of arrival, and edge cases; the requests are in no order."""
    ordered = list(facts)
    spare = _spare(ordered, sim, accounts)
    taken = {id(fact) for pair in spare.values() for fact in chain(*pair)}
    normal = _by_account([fact for fact in ordered if id(fact) not in taken], sim.rng, accounts, batches)
    return [*normal, *edge_cases.stored(sim, accounts, spare)]


def redelivered(sim: Simulation, posted: Iterable[Request]) -> list[Request]:
    """Some of the requests again, with the same bytes and signature."""
    return [
        replace(request, arrival=sim.repeat_arrival(request.arrival))
        for request in posted
        if request.facts and sim.chance(_REDELIVERED)
    ]


def _by_account(facts: list[Fact], rng: Random, accounts: tuple[Account, ...], batches: Batches) -> Iterator[Request]:
    for account in accounts:
        own = [fact for fact in facts if fact.source == account.source]
        yield from wire.requests(own, account, rng, batches)


def _spare(facts: list[Fact], sim: Simulation, accounts: Iterable[Account]) -> Spare:
    """A few facts of one source with Meta's bodies, for the bodies that are partly broken."""
    source = next((each.source for each in accounts if sim.profiles[each.source].cloud), "")
    own = [fact for fact in facts if fact.source == source]
    statuses = [
        fact
        for fact in own
        if fact.kind == "status" and fact.status != "deleted" and not fact.details.get("historical")
    ]
    records = [fact for fact in own if fact.origin == "api"]
    return {source: (statuses[: edge_cases.SPARE_STATUSES], records[: edge_cases.SPARE_RECORDS])}
