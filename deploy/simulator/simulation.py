"""The state of a simulation: the providers' clocks, the random numbers, and all facts so far."""

from dataclasses import dataclass, field, replace
from random import Random

from deploy.simulator.facts import DAY, HOUR, SECOND, Details, Fact, Ids
from deploy.simulator.people import Campaign, Person
from deploy.simulator.profiles import Profile
from schemas.parsing.json_types import JsonObject

_UNDOCUMENTED_PROBABILITY = 0.04  # a fact whose body has fields that no version of the documentation contains
_UNDOCUMENTED: JsonObject = {"x_new_field": {"since": "v99.0", "values": [1, {"deep": None}, "ü"]}, "x_flag": True}


@dataclass(slots=True)
class Simulation:
    """Collects the facts of messages sent in [begin, end). Nothing happens after `now`.

    Times: ms of the providers' clocks. `horizon`: the longest delay of anything after what it follows.
    """

    rng: Random
    begin: int
    end: int
    now: int
    ids: Ids
    profiles: dict[str, Profile]
    horizon: int
    facts: list[Fact] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.rng.random() < probability

    def send_time(self) -> int:
        """A time of sending; one in fifty is within two seconds of a UTC midnight, where the cohort day changes."""
        if self.chance(0.02):
            days = self.begin // DAY + 1, (self.end - 1) // DAY
            if days[0] <= days[1]:
                near = self.rng.randint(*days) * DAY + self.rng.randint(-2 * SECOND, 2 * SECOND)
                return max(self.begin, min(near, self.end - 1))
        return self.rng.randint(self.begin, self.end - 1)

    def delay(self, least: int, most: int) -> int:
        """A delay between two, ms; never longer than the horizon."""
        return self.rng.randint(min(least, self.horizon), min(most, self.horizon))

    def later(self, at: int, usual: int, rare: int) -> int:
        """A moment after `at`: nine times in ten within about `usual` ms, else within `rare`."""
        if self.chance(0.9):
            return at + min(int(self.rng.expovariate(1 / usual)), self.horizon)
        return at + self.delay(usual, rare)

    def arrival(self, at: int) -> int:
        """When a fact of `at` is posted: usually seconds later, sometimes days."""
        late = self.delay(HOUR, 2 * DAY) if self.chance(0.04) else 0
        return at + int(self.rng.expovariate(1 / (3 * SECOND))) + late

    def repeat_arrival(self, arrival: int) -> int:
        """When something that was posted at `arrival` is posted again: seconds, hours, sometimes days later."""
        return arrival + (self.delay(DAY, 3 * DAY) if self.chance(0.1) else self.delay(SECOND, 6 * HOUR))

    def emit(self, fact: Fact, *, repeats: float = 0.03) -> None:
        """Adds a fact. With probability `repeats` it is reported again in another body; some have unknown fields."""
        if fact.message_id and self.chance(_UNDOCUMENTED_PROBABILITY):
            fact = replace(fact, details={**fact.details, "extra": _UNDOCUMENTED})
        self.facts.append(fact)
        if self.chance(repeats):
            self.facts.append(fact.repeated(self.repeat_arrival(fact.arrival)))

    def emit_status(
        self, profile: Profile, message_id: str, status: str, at: int, details: Details, *, participant: str = "",
        own: bool = False,
    ) -> bool:  # fmt: skip
        """Adds a status of a message unless `at` is in the future; whether it was added."""
        at = at // profile.resolution * profile.resolution
        if at > self.now:
            return False
        fact = Fact(
            "status", profile.source, at, self.arrival(at), message_id=message_id, status=status, details=details,
            participant=participant, own=own,
        )  # fmt: skip
        self.emit(fact)
        return True

    def emit_record(
        self, profile: Profile, message_id: str, at: int, campaign: Campaign, to: str, *, timed: bool = True
    ) -> None:
        """Adds the sent record of a message. Some come late; a few come twice, first without template and campaign.

        A record without a time leaves sent_at to the provider's `sent`, which the caller must emit.
        """
        arrival = at + self.rng.randint(20, 400) + (self.delay(HOUR, 3 * DAY) if self.chance(0.03) else 0)
        details: Details = {
            "template": campaign.template, "campaign": campaign.name, "category": campaign.category, "to": to,
        }  # fmt: skip
        fact = Fact(
            "sent", profile.source, at if timed else None, arrival, message_id=message_id, origin="api", details=details
        )
        self.emit(fact, repeats=0.02)
        if self.chance(0.01):
            self.facts.append(replace(fact, arrival=arrival - 1, details={"to": to}))

    def spelling(self, who: Person) -> str:
        """A phone as one status spells it; different spellings must never split a message."""
        return who.old_digits if self.chance(0.2) else who.digits
