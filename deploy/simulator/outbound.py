"""Messages that the business sends, and what becomes of them. Pure."""

from typing import Any

from deploy.simulator.facts import DAY, HOUR, MINUTE, SECOND, Fact
from deploy.simulator.people import Person, Plan, person
from deploy.simulator.world import Voice, World

_OUTCOMES = {
    "read": 47, "delivered": 24, "read_at_once": 6, "played": 3, "failed": 7, "failed_first": 2, "sent": 7,
    "accepted": 4,
}  # fmt: skip
_GROUP_LIFE = {"read": 55, "delivered": 30, "played": 3, "read_at_once": 12}


def one_to_one(world: World, voice: Voice) -> None:
    """One message to one person: record, statuses, and all that goes wrong with both."""
    who, plan = person(world.dice), world.dice.choice(voice.plans)
    message_id, accepted = voice.new_id(), world.moment()
    told = _told(world, voice, who, plan)
    echoed = voice.provider == "wasender" and world.chance(0.12)
    recorded = not world.chance(0.5 if echoed else 0.04)
    if recorded:
        timed = not world.chance(0.02)
        world.record(voice, message_id, accepted, plan, "+" + who.digits, timed=timed)
        if not timed:
            world.status(voice, message_id, "sent", accepted, told)
    if echoed:
        echo(world, voice, message_id, accepted + world.dice.randint(0, SECOND), told)
    happened = [
        world.status(voice, message_id, word, at, {**told, **more}) for word, at, more in _life(world, voice, accepted)
    ]
    if not (recorded or echoed or any(happened)):
        world.status(voice, message_id, "sent", accepted, told)
    if recorded:
        _oddities(world, voice, message_id, accepted, told)


def _told(world: World, voice: Voice, who: Person, plan: Plan) -> dict[str, Any]:
    return {
        "who": who,
        "spelled": world.spelling(who),
        "account": world.dice.choice(voice.accounts),
        "pricing": plan.category or "service",
        "callback": f"ref={world.ids.mark}" if world.chance(0.3) else "",
        "by_lid": world.chance(0.2),
        "form": world.dice.randrange(3),
    }


def _life(world: World, voice: Voice, accepted: int) -> list[tuple[str, int, dict[str, Any]]]:
    """(status, time, more words) of one message in the order of happening."""
    outcome = world.dice.choices(list(_OUTCOMES), weights=list(_OUTCOMES.values()))[0]
    sent = accepted + world.dice.randint(-SECOND // 2, 3 * SECOND)
    delivered = world.later(sent, 4 * SECOND, 30 * HOUR)
    read = world.later(delivered, 20 * MINUTE, 6 * DAY)
    steps: list[tuple[str, int, dict[str, Any]]] = []
    if voice.tells_pending and world.chance(0.3):
        steps.append(("pending", accepted - world.dice.randint(0, 2 * SECOND), {}))
    if outcome == "accepted":
        return steps
    if not (outcome == "failed" and world.chance(0.7)) and not world.chance(0.06):
        steps.append(("sent", sent, {}))
    if outcome.startswith("failed"):
        code, title = world.dice.choice(voice.failures)
        steps.append(("failed", sent + world.dice.randint(0, 40 * SECOND), {"code": code, "title": title}))
        if world.chance(0.1):
            code, title = world.dice.choice(voice.failures)
            steps.append(("failed", sent + world.dice.randint(2 * MINUTE, HOUR), {"code": code, "title": title}))
    if outcome in ("read", "delivered", "played", "failed_first"):
        steps.append(("delivered", delivered, {}))
        if world.chance(0.03):  # a second device
            steps.append(("delivered", delivered + world.dice.randint(2 * SECOND, DAY), {}))
    if outcome in ("read", "read_at_once", "played"):
        steps.append(("read", read, {}))
    if outcome == "played":
        steps.append(("played", read + world.dice.randint(SECOND, HOUR), {}))
    return steps


def _oddities(world: World, voice: Voice, message_id: str, accepted: int, told: dict[str, Any]) -> None:
    """Words that no version knows yet, and deletions."""
    if world.chance(0.004):
        world.status(voice, message_id, "warehoused", accepted + MINUTE, told)
    if voice.provider == "wasender" and world.chance(0.01):
        world.status(
            voice, message_id, "deleted", accepted + world.dice.randint(MINUTE, DAY), {**told, "from_me": True}
        )


def echo(world: World, voice: Voice, message_id: str, at: int, told: dict[str, Any]) -> None:
    """The provider shows us our own message, as sent from a phone or by another program; in one or two events."""
    at = at // SECOND * SECOND
    told = {**told, "type": "text", "text": f"Combinado {world.ids.mark}"}
    for form in range(world.dice.choice((1, 1, 2))):
        fact = Fact(
            "sent", voice.source, at, world.arrival(at), message_id=message_id, origin="echo",
            told={**told, "echo_form": form},
        )  # fmt: skip
        world.tell(fact)


def echo_only(world: World, voice: Voice) -> None:
    """A message that was typed on the phone: known from the provider's echo and statuses alone."""
    who, message_id, at = person(world.dice), voice.new_id(), world.moment()
    told = _told(world, voice, who, Plan("", "", ""))
    echo(world, voice, message_id, at, told)
    for word, when, more in _life(world, voice, at):
        world.status(voice, message_id, word, when, {**told, **more})


def burst(world: World, voice: Voice) -> int:
    """Some messages to one person, who opens the chat later and reads them all at one moment; how many they were."""
    who, plan, count = person(world.dice), world.dice.choice(voice.plans), world.dice.randint(2, 5)
    told = {**_told(world, voice, who, plan), "burst": world.ids.serial()}
    accepted = world.moment()
    read = world.later(accepted + 10 * MINUTE, 20 * MINUTE, 2 * DAY)
    for number in range(count):
        message_id, at = voice.new_id(), accepted + number * world.dice.randint(SECOND, MINUTE)
        world.record(voice, message_id, at, plan, "+" + who.digits)
        world.status(voice, message_id, "sent", at + SECOND, told)
        world.status(voice, message_id, "read", read, told)
    return count


def to_group(world: World, voice: Voice) -> None:
    """A message to a group: one sending, and the receipts of each member. Some groups never tell of any member."""
    plan, message_id, accepted = world.dice.choice(voice.plans), voice.new_id(), world.moment()
    serial = world.dice.randrange(10**9)
    group = f"120363{serial:012d}@g.us" if voice.provider == "wasender" else f"Y2FwaV9ncm91cDox{serial:09d}"
    told = {**_told(world, voice, person(world.dice), plan), "group": group}
    if not world.chance(0.1):
        # Only the JID says by its form that it is a group's; at Meta the statuses do.
        world.record(voice, message_id, accepted, plan, group)
    world.status(voice, message_id, "sent", accepted + SECOND, told)
    if world.chance(0.15):
        return
    for who in {
        member.digits: member for member in (person(world.dice) for _ in range(world.dice.randint(1, 6)))
    }.values():
        _member(world, voice, message_id, accepted, {**told, "who": who})


def _member(world: World, voice: Voice, message_id: str, accepted: int, told: dict[str, Any]) -> None:
    who: Person = told["who"]
    by_lid = voice.provider == "wasender" and world.chance(0.2)
    participant = f"{who.lid}@lid" if by_lid else "+" + who.digits
    told = {**told, "member_by_lid": by_lid}
    outcome = world.dice.choices(list(_GROUP_LIFE), weights=list(_GROUP_LIFE.values()))[0]
    delivered = world.later(accepted + SECOND, 5 * SECOND, 30 * HOUR) // SECOND * SECOND
    read = world.later(delivered, 20 * MINUTE, 4 * DAY) // SECOND * SECOND
    played = read + world.dice.randint(1, 600) * SECOND
    if outcome != "read_at_once":
        world.status(voice, message_id, "delivered", delivered, told, participant=participant)
    if outcome != "delivered":
        world.status(voice, message_id, "read", read, told, participant=participant)
    if outcome == "played":
        world.status(voice, message_id, "played", played, told, participant=participant)
