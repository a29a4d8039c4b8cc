"""A run that is known as a whole before it begins, as the demo posts it: every request, and the truth. Pure.

Same settings, seed, start and run: the same bodies byte for byte.
"""

from dataclasses import dataclass

from deploy.simulator import edge_cases, time_slice
from deploy.simulator.facts import DAY, MINUTE, Account, Ids, Request, dice
from deploy.simulator.truth import Truth, tell
from deploy.simulator.wire_meta import SMALL
from deploy.simulator.world import World, voices

SPAN = 10 * DAY  # messages were sent within so long before the start


@dataclass(slots=True, frozen=True)
class Traffic:
    """`messages` counts messages of either direction; requests are in the order of posting."""

    run: str
    seed: int
    messages: int
    requests: tuple[Request, ...]
    truth: Truth
    prefixes: tuple[str, ...]
    sources: tuple[str, ...]


def plan(accounts: tuple[Account, ...], messages: int, seed: int, now: int, run: str, max_body_bytes: int) -> Traffic:
    """About `messages` messages of the ten days before `now` (ms) and everything that was told of them."""
    ids = Ids(run)
    world = World(
        dice(seed, now, run), begin=now - SPAN, end=now - 2 * MINUTE, now=now, ids=ids, voices=voices(accounts, ids),
        horizon=SPAN,
    )  # fmt: skip
    made = time_slice.live(world, messages)
    facts = sorted(world.facts, key=lambda fact: fact.arrival)
    requests = time_slice.requests(world, facts, time_slice.Wiring(accounts, SMALL))
    requests += edge_cases.refused(world, accounts, max_body_bytes)
    requests += time_slice.redelivered(world, requests)
    ordered = tuple(sorted(requests, key=lambda request: request.arrival))
    return Traffic(
        run=run, seed=seed, messages=made, requests=ordered, truth=truth_of(ordered), prefixes=ids.prefixes,
        sources=tuple(account.source for account in accounts),
    )  # fmt: skip


def truth_of(requests: tuple[Request, ...]) -> Truth:
    """The truth about everything in these requests that must be taken."""
    return tell(
        (fact for request in requests for fact in request.facts),
        ((request.source, reason) for request in requests for reason in request.dead),
    )
