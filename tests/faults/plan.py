"""Which faults happen when: drawn by the seed alone. Pure."""

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal[
    "TERM", "KILL", "STOP", "link cut", "link stalled", "link slow", "disk full", "state deleted", "wrong clock",
    "replay", "rebalance",
]  # fmt: skip
PARTS = ("ingest", "normalise", "load", "analytics", "kafka", "clickhouse")
LINKS = ("ingest-kafka", "workers-kafka", "workers-clickhouse")
SOURCES = ("demo-meta", "demo-meta-two", "demo-wasender", "demo-zapini", "demo-360dialog", "demo-evolution")

# Seconds that a fault lasts, at least and at most. A STOP reaches past the session of a worker (10 s here), so that it
# wakes up when its partitions are another's.
_LASTS: dict[Kind, tuple[float, float]] = {
    "TERM": (0, 4), "KILL": (0, 4), "STOP": (1, 18), "link cut": (1, 12), "link stalled": (2, 12),
    "link slow": (4, 15), "disk full": (4, 10), "state deleted": (0, 2), "wrong clock": (10, 30), "replay": (0, 0),
    "rebalance": (6, 20),
}  # fmt: skip
# What everything hangs on comes back in seconds, so it is away for seconds.
_SHORT = {("STOP", "kafka"): 8.0, ("STOP", "ingest"): 8.0}

FAULT_TYPES: tuple[tuple[Kind, str], ...] = (
    *((kind, part) for part in PARTS for kind in ("TERM", "KILL", "STOP")),
    *((kind, link) for link in LINKS for kind in ("link cut", "link stalled", "link slow")),
    ("disk full", "ingest"), ("state deleted", "load"), ("wrong clock", "source"), ("replay", "wa.raw"),
    ("rebalance", "normalise"), ("rebalance", "load"),
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Fault:
    """`part` is hit by `kind` at `at` s of the run, for `seconds`; `rng` decides what else has to be decided."""

    number: int
    at: float
    kind: Kind
    part: str
    seconds: float
    random_bits: int

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.kind:<13} {self.part}"


def plan(seed: int, faults: int, seconds: float) -> list[Fault]:
    """`faults` faults of a run of `seconds`, by time. Every card of the deck is dealt before any comes again."""
    rng = Random(f"chaos {seed}")  # noqa: S311
    deck: list[tuple[Kind, str]] = []
    while len(deck) < faults:
        deck += rng.sample(FAULT_TYPES, len(FAULT_TYPES))
    # The first seconds belong to the start of everything, the last ones to what only the end would find out.
    moments = sorted(rng.uniform(0.04 * seconds, 0.9 * seconds) for _ in range(faults))
    return [_fault(number, at, card, rng) for number, (at, card) in enumerate(zip(moments, deck, strict=False))]


def _fault(number: int, at: float, card: tuple[Kind, str], rng: Random) -> Fault:
    kind, part = card
    least, most = _LASTS[kind]
    lasts = min(rng.uniform(least, most), _SHORT.get((kind, part), most))
    named = rng.choice(SOURCES) if kind == "wrong clock" else part
    return Fault(number, at, kind, named, lasts, rng.randrange(2**32))


def skews(faults: list[Fault]) -> list[str]:
    """The wrong clocks among them as options of the simulator."""
    options = []
    for fault in faults:
        if fault.kind == "wrong clock":
            wrong = Random(fault.random_bits).choice((-86_400, -3600, -60, 60, 3600, 86_400))  # noqa: S311
            options += ["--skew", f"{fault.part}={wrong:+d}@{fault.at:.1f}-{fault.at + fault.seconds:.1f}"]
    return options


def by_kind(faults: list[Fault]) -> list[tuple[str, int]]:
    """How many of each kind, in the order of the kinds."""
    counts = Counter(fault.kind for fault in faults)
    return [(kind, counts[kind]) for kind in _LASTS if counts[kind]]


def locks(fault: Fault) -> tuple[str, ...]:
    """What may have one fault at a time: a process, a link, the clock that is set wrong needs none. In fixed order."""
    match fault.kind:
        case "disk full":
            return ("ingest", "ingest-kafka")
        case "wrong clock":
            return ()
        case "rebalance":
            return (f"more {fault.part}",)
        case _:
            return (fault.part,)


def instances(fault: Fault) -> list[str]:
    """The second worker, and now and then a third one, that a rebalance brings."""
    return [f"{fault.part}-{number}" for number in range(1, 2 + fault.random_bits % 2)]
