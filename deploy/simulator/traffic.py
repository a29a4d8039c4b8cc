"""The demo's traffic: all requests of a run and the truth about them, known before the first one is posted.

Same accounts, seed, start and run: the same bodies byte for byte.
"""

from dataclasses import dataclass

from deploy.simulator import edge_cases, time_slice
from deploy.simulator.facts import DAY, MINUTE, Account, Ids, Request, seeded_rng
from deploy.simulator.profiles import profiles
from deploy.simulator.simulation import Simulation
from deploy.simulator.truth import Truth, truth_of_facts
from deploy.simulator.wire_meta import SMALL

SPAN = 10 * DAY  # the messages were sent within this time before the start


@dataclass(slots=True, frozen=True)
class Traffic:
    """`messages` counts messages of both directions; `requests` are in the order of posting."""

    run: str
    seed: int
    messages: int
    requests: tuple[Request, ...]
    truth: Truth
    prefixes: tuple[str, ...]
    sources: tuple[str, ...]


def generate(
    accounts: tuple[Account, ...], messages: int, seed: int, now: int, run: str, max_body_bytes: int
) -> Traffic:
    """About `messages` messages of the ten days before `now` (ms) with everything that is reported about them."""
    ids = Ids(run)
    sim = Simulation(
        seeded_rng(seed, now, run), begin=now - SPAN, end=now - 2 * MINUTE, now=now, ids=ids,
        profiles=profiles(accounts, ids), horizon=SPAN,
    )  # fmt: skip
    made = time_slice.generate(sim, messages)
    facts = sorted(sim.facts, key=lambda fact: fact.arrival)
    requests = time_slice.requests(sim, facts, accounts, SMALL)
    requests += edge_cases.refused(sim, accounts, max_body_bytes)
    requests += time_slice.redelivered(sim, requests)
    ordered = tuple(sorted(requests, key=lambda request: request.arrival))
    return Traffic(
        run=run, seed=seed, messages=made, requests=ordered, truth=truth_of_requests(ordered), prefixes=ids.prefixes,
        sources=tuple(account.source for account in accounts),
    )  # fmt: skip


def truth_of_requests(requests: tuple[Request, ...]) -> Truth:
    """The truth about everything in these requests that must be stored."""
    return truth_of_facts(
        (fact for request in requests for fact in request.facts),
        ((request.source, reason) for request in requests for reason in request.dead_letters),
    )
