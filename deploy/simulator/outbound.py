"""Messages that the business sends, and their statuses."""

from deploy.simulator.facts import DAY, HOUR, MINUTE, SECOND, Details, Fact
from deploy.simulator.people import Campaign, Person, person
from deploy.simulator.profiles import Profile
from deploy.simulator.simulation import Simulation

_OUTCOMES = {
    "read": 47, "delivered": 24, "read_at_once": 6, "played": 3, "failed": 7, "failed_first": 2, "sent": 7,
    "accepted": 4,
}  # fmt: skip
_MEMBER_OUTCOMES = {"read": 55, "delivered": 30, "played": 3, "read_at_once": 12}

Steps = list[tuple[str, int, Details]]  # (status, time, further details)


def one_to_one(sim: Simulation, profile: Profile) -> None:
    """One message to one person: record, statuses, and everything that goes wrong with both."""
    who, campaign = person(sim.rng), sim.rng.choice(profile.campaigns)
    message_id, accepted = profile.new_id(), sim.send_time()
    details = _details(sim, profile, who, campaign)
    echoed = profile.provider == "wasender" and sim.chance(0.12)
    recorded = not sim.chance(0.5 if echoed else 0.04)
    if recorded:
        timed = not sim.chance(0.02)
        sim.emit_record(profile, message_id, accepted, campaign, "+" + who.digits, timed=timed)
        if not timed:
            sim.emit_status(profile, message_id, "sent", accepted, details)
    if echoed:
        echo(sim, profile, message_id, accepted + sim.rng.randint(0, SECOND), details)
    emitted = [
        sim.emit_status(profile, message_id, status, at, {**details, **more})
        for status, at, more in _steps(sim, profile, accepted)
    ]
    if not (recorded or echoed or any(emitted)):
        sim.emit_status(profile, message_id, "sent", accepted, details)
    if recorded:
        _edge_cases(sim, profile, message_id, accepted, details)


def _details(sim: Simulation, profile: Profile, who: Person, campaign: Campaign) -> Details:
    return {
        "who": who,
        "spelled": sim.spelling(who),
        "account": sim.rng.choice(profile.accounts),
        "pricing": campaign.category or "service",
        "callback": f"ref={sim.ids.run_tag}" if sim.chance(0.3) else "",
        "by_lid": sim.chance(0.2),
        "form": sim.rng.randrange(3),
    }


def _steps(sim: Simulation, profile: Profile, accepted: int) -> Steps:
    """The statuses of one message in the order of happening."""
    outcome = sim.rng.choices(list(_OUTCOMES), weights=list(_OUTCOMES.values()))[0]
    sent = accepted + sim.rng.randint(-SECOND // 2, 3 * SECOND)
    delivered = sim.later(sent, 4 * SECOND, 30 * HOUR)
    read = sim.later(delivered, 20 * MINUTE, 6 * DAY)
    steps: Steps = []
    if profile.reports_pending and sim.chance(0.3):
        steps.append(("pending", accepted - sim.rng.randint(0, 2 * SECOND), {}))
    if outcome == "accepted":
        return steps
    if not (outcome == "failed" and sim.chance(0.7)) and not sim.chance(0.06):
        steps.append(("sent", sent, {}))
    if outcome.startswith("failed"):
        steps += _failures(sim, profile, sent)
    if outcome in ("read", "delivered", "played", "failed_first"):
        steps.append(("delivered", delivered, {}))
        if sim.chance(0.03):  # a second device
            steps.append(("delivered", delivered + sim.rng.randint(2 * SECOND, DAY), {}))
    if outcome in ("read", "read_at_once", "played"):
        steps.append(("read", read, {}))
    if outcome == "played":
        steps.append(("played", read + sim.rng.randint(SECOND, HOUR), {}))
    return steps


def _failures(sim: Simulation, profile: Profile, sent: int) -> Steps:
    """One failure within 40 seconds, sometimes a second one later."""
    code, title = sim.rng.choice(profile.failures)
    steps: Steps = [("failed", sent + sim.rng.randint(0, 40 * SECOND), {"code": code, "title": title})]
    if sim.chance(0.1):
        code, title = sim.rng.choice(profile.failures)
        steps.append(("failed", sent + sim.rng.randint(2 * MINUTE, HOUR), {"code": code, "title": title}))
    return steps


def _edge_cases(sim: Simulation, profile: Profile, message_id: str, accepted: int, details: Details) -> None:
    """An unknown status, and a deletion by our side."""
    if sim.chance(0.004):
        sim.emit_status(profile, message_id, "warehoused", accepted + MINUTE, details)
    if profile.provider == "wasender" and sim.chance(0.01):
        at = accepted + sim.rng.randint(MINUTE, DAY)
        sim.emit_status(profile, message_id, "deleted", at, {**details, "from_me": True})


def echo(sim: Simulation, profile: Profile, message_id: str, at: int, details: Details) -> None:
    """The provider reports our own message, as sent from a phone or by another program; in one or two events."""
    at = at // SECOND * SECOND
    details = {**details, "type": "text", "text": f"Combinado {sim.ids.run_tag}"}
    for form in range(sim.rng.choice((1, 1, 2))):
        fact = Fact(
            "sent", profile.source, at, sim.arrival(at), message_id=message_id, origin="echo",
            details={**details, "echo_form": form},
        )  # fmt: skip
        sim.emit(fact)


def echo_only(sim: Simulation, profile: Profile) -> None:
    """A message that was typed on the phone: known from the provider's echo and statuses alone."""
    who, message_id, at = person(sim.rng), profile.new_id(), sim.send_time()
    details = _details(sim, profile, who, Campaign("", "", ""))
    echo(sim, profile, message_id, at, details)
    for status, when, more in _steps(sim, profile, at):
        sim.emit_status(profile, message_id, status, when, {**details, **more})


def burst(sim: Simulation, profile: Profile) -> int:
    """Several messages to one person, who later reads them all at one moment; returns how many."""
    who, campaign, count = person(sim.rng), sim.rng.choice(profile.campaigns), sim.rng.randint(2, 5)
    details: Details = {**_details(sim, profile, who, campaign), "burst": sim.ids.serial()}
    accepted = sim.send_time()
    read = sim.later(accepted + 10 * MINUTE, 20 * MINUTE, 2 * DAY)
    for number in range(count):
        message_id, at = profile.new_id(), accepted + number * sim.rng.randint(SECOND, MINUTE)
        sim.emit_record(profile, message_id, at, campaign, "+" + who.digits)
        sim.emit_status(profile, message_id, "sent", at + SECOND, details)
        sim.emit_status(profile, message_id, "read", read, details)
    return count


def to_group(sim: Simulation, profile: Profile) -> None:
    """A message to a group: one sending, and the receipts of each member. Some groups report no member at all."""
    campaign, message_id, accepted = sim.rng.choice(profile.campaigns), profile.new_id(), sim.send_time()
    serial = sim.rng.randrange(10**9)
    group = f"120363{serial:012d}@g.us" if profile.provider == "wasender" else f"Y2FwaV9ncm91cDox{serial:09d}"
    details: Details = {**_details(sim, profile, person(sim.rng), campaign), "group": group}
    if not sim.chance(0.1):
        # Only a JID shows by its form that it is a group's; at Meta the statuses show it.
        sim.emit_record(profile, message_id, accepted, campaign, group)
    sim.emit_status(profile, message_id, "sent", accepted + SECOND, details)
    if sim.chance(0.15):
        return
    members = [person(sim.rng) for _ in range(sim.rng.randint(1, 6))]
    for who in {member.digits: member for member in members}.values():
        _member(sim, profile, message_id, accepted, {**details, "who": who})


def _member(sim: Simulation, profile: Profile, message_id: str, accepted: int, details: Details) -> None:
    who = details["who"]
    by_lid = profile.provider == "wasender" and sim.chance(0.2)
    participant = f"{who.lid}@lid" if by_lid else "+" + who.digits
    details = {**details, "member_by_lid": by_lid}
    outcome = sim.rng.choices(list(_MEMBER_OUTCOMES), weights=list(_MEMBER_OUTCOMES.values()))[0]
    delivered = sim.later(accepted + SECOND, 5 * SECOND, 30 * HOUR) // SECOND * SECOND
    read = sim.later(delivered, 20 * MINUTE, 4 * DAY) // SECOND * SECOND
    played = read + sim.rng.randint(1, 600) * SECOND
    if outcome != "read_at_once":
        sim.emit_status(profile, message_id, "delivered", delivered, details, participant=participant)
    if outcome != "delivered":
        sim.emit_status(profile, message_id, "read", read, details, participant=participant)
    if outcome == "played":
        sim.emit_status(profile, message_id, "played", played, details, participant=participant)
