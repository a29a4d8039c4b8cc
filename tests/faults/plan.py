"""Which faults happen when: determined by the seed alone."""

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

# Minimum and maximum seconds of a fault. A STOP may last longer than the session of a worker (10 s here), so that the
# worker continues when another one has its partitions.
_DURATIONS: dict[Kind, tuple[float, float]] = {
    "TERM": (0, 4), "KILL": (0, 4), "STOP": (1, 18), "link cut": (1, 12), "link stalled": (2, 12),
    "link slow": (4, 15), "disk full": (4, 10), "state deleted": (0, 2), "wrong clock": (10, 30), "replay": (0, 0),
    "rebalance": (6, 20),
}  # fmt: skip
# Everything depends on these parts, so their faults are shorter.
_MAX_SECONDS = {("STOP", "kafka"): 8.0, ("STOP", "ingest"): 8.0}

FAULT_TYPES: tuple[tuple[Kind, str], ...] = (
    *((kind, part) for part in PARTS for kind in ("TERM", "KILL", "STOP")),
    *((kind, link) for link in LINKS for kind in ("link cut", "link stalled", "link slow")),
    ("disk full", "ingest"), ("state deleted", "load"), ("wrong clock", "source"), ("replay", "wa.raw"),
    ("rebalance", "normalise"), ("rebalance", "load"),
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Fault:
    """A fault of `part` at second `at` of the run, for `seconds`; `random_bits` determine its further details."""

    number: int
    at: float
    kind: Kind
    part: str
    seconds: float
    random_bits: int

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.kind:<13} {self.part}"


def plan(seed: int, faults: int, seconds: float) -> list[Fault]:
    """`faults` faults of a run of `seconds`, ordered by time. No fault type is repeated before all have been used."""
    rng = Random(f"chaos {seed}")  # noqa: S311
    types: list[tuple[Kind, str]] = []
    while len(types) < faults:
        types += rng.sample(FAULT_TYPES, len(FAULT_TYPES))
    # None in the first seconds, while everything starts, and none in the last ones, so that each can be recovered from.
    moments = sorted(rng.uniform(0.04 * seconds, 0.9 * seconds) for _ in range(faults))
    return [
        _fault(number, at, fault_type, rng) for number, (at, fault_type) in enumerate(zip(moments, types, strict=False))
    ]


def _fault(number: int, at: float, fault_type: tuple[Kind, str], rng: Random) -> Fault:
    kind, part = fault_type
    least, most = _DURATIONS[kind]
    duration = min(rng.uniform(least, most), _MAX_SECONDS.get((kind, part), most))
    target = rng.choice(SOURCES) if kind == "wrong clock" else part
    return Fault(number, at, kind, target, duration, rng.randrange(2**32))


def skews(faults: list[Fault]) -> list[str]:
    """Options of the simulator for the faults that are wrong clocks."""
    options = []
    for fault in faults:
        if fault.kind == "wrong clock":
            seconds = Random(fault.random_bits).choice((-86_400, -3600, -60, 60, 3600, 86_400))  # noqa: S311
            options += ["--skew", f"{fault.part}={seconds:+d}@{fault.at:.1f}-{fault.at + fault.seconds:.1f}"]
    return options


def by_kind(faults: list[Fault]) -> list[tuple[str, int]]:
    """The number of faults of each kind, in the order of the kinds."""
    counts = Counter(fault.kind for fault in faults)
    return [(kind, counts[kind]) for kind in _DURATIONS if counts[kind]]


def locks(fault: Fault) -> tuple[str, ...]:
    """The locks of a fault, in fixed order: a process or link has one fault at a time; a wrong clock needs none."""
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
    """The second worker, and sometimes a third one, that a rebalance starts."""
    return [f"{fault.part}-{number}" for number in range(1, 2 + fault.random_bits % 2)]
