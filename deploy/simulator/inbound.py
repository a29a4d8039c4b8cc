"""What customers write, and what a provider tells of the past. Pure."""

from typing import Any

from deploy.simulator.facts import DAY, HOUR, MINUTE, SECOND, Fact
from deploy.simulator.people import EMOJI, TEXTS, person
from deploy.simulator.world import Voice, World

# What each provider's body says -> our type. Those that are not Meta's are documented for fewer.
_CLOUD = {
    "text": "text", "image": "image", "audio": "audio", "video": "video", "document": "document",
    "sticker": "sticker", "location": "location", "contacts": "contacts", "reaction": "reaction",
    "button": "button", "interactive": "interactive", "order": "order", "unsupported": "unsupported",
    "hologram": "unknown", "edit": "edit",
}  # fmt: skip
_BAILEYS = {
    "text": "text", "image": "image", "audio": "audio", "video": "video", "document": "document",
    "sticker": "sticker", "location": "location", "contacts": "contacts",
}  # fmt: skip
TYPES = {
    "meta": _CLOUD,
    "360dialog": _CLOUD,
    "wasender": {**_BAILEYS, "reaction": "reaction"},
    "evolution": _BAILEYS,
    "zapini": {"text": "text"},
}
# WasenderApi tells of one message under every event name that is subscribed.
_NAMES = ("messages.received", "messages-personal.received", "messages.upsert")


def from_customer(world: World, voice: Voice) -> None:
    """One message of a customer; some are taken back, and some are read by our own side."""
    words = TYPES[voice.provider]
    word = "text" if world.chance(0.55) else world.dice.choice(list(words))
    nameless = voice.provider == "zapini" and world.chance(0.5)
    message_id = "" if nameless else voice.new_id()
    at = world.moment() // SECOND * SECOND
    told = _told(world, voice, word)
    names = world.dice.choice((_NAMES[:1], _NAMES[:2], _NAMES)) if voice.provider == "wasender" else ("",)
    serial = world.ids.serial()
    for name in names:
        fact = Fact(
            "inbound", voice.source, at, world.arrival(at), message_id=message_id, serial=serial,
            told={**told, "event": name},
        )  # fmt: skip
        world.tell(fact)
    if voice.provider == "wasender" and word != "reaction" and world.chance(0.4):
        own_read(world, voice, message_id, at, told)
    if voice.cloud and word == "text" and world.chance(0.03):
        world.status(voice, message_id, "deleted", at + MINUTE, {**told, "type": ""}, participant="")


def _told(world: World, voice: Voice, word: str) -> dict[str, Any]:
    return {
        "who": person(world.dice),
        "account": world.dice.choice(voice.accounts),
        "word": word,
        "type": TYPES[voice.provider][word],
        "text": world.dice.choice(TEXTS).format(f"{world.ids.mark}-{world.ids.serial()}"),
        "emoji": world.dice.choice(EMOJI) if world.chance(0.8) else "",
        "target": voice.new_id(),
        "anonymous": world.chance(0.1),
        "by_lid": world.chance(0.3),
        "form": world.dice.randrange(3),
    }


def own_read(world: World, voice: Voice, message_id: str, at: int, told: dict[str, Any]) -> None:
    """Our own side read (or played) a customer's message: no read of anything that we sent."""
    word = "played" if told["type"] == "audio" else "read"
    when = world.later(at, 10 * MINUTE, DAY)
    world.status(voice, message_id, word, when, {**told, "type": "", "spelled": told["who"].digits}, own=True)


def own_read_alone(world: World, voice: Voice) -> None:
    """We read a message of which we were never told."""
    own_read(world, voice, voice.new_id(), world.moment(), _told(world, voice, "text"))


def from_group(world: World, voice: Voice) -> None:
    """A customer's message in a group: its author is the participant."""
    at, told = world.moment() // SECOND * SECOND, _told(world, voice, "text")
    told |= {
        "group": f"120363{world.dice.randrange(10**12):012d}@g.us",
        "event": "messages-group.received",
        "by_lid": False,
    }
    fact = Fact(
        "inbound", voice.source, at, world.arrival(at), message_id=voice.new_id(),
        participant="+" + told["who"].digits, told=told,
    )  # fmt: skip
    world.tell(fact)


def backfill(world: World, voice: Voice) -> None:
    """A message of before our time, told by the provider's history: ours with a status, or a customer's."""
    who, message_id = person(world.dice), voice.new_id()
    at = (world.begin - world.dice.randint(20 * DAY, 150 * DAY)) // SECOND * SECOND
    arrival = world.begin + world.within(0, HOUR)
    told = {
        "who": who, "account": voice.accounts[0], "historical": True, "type": "text", "word": "text",
        "text": f"antigo {world.ids.mark}", "spelled": who.digits,
    }  # fmt: skip
    if world.chance(0.5):
        world.facts.append(Fact("inbound", voice.source, at, arrival, message_id=message_id, told=told))
        return
    word = world.dice.choice(("sent", "delivered", "read", ""))
    told["history_status"] = word
    world.facts.append(Fact("sent", voice.source, at, arrival, message_id=message_id, origin="history", told=told))
    if word:
        # The backfill knows that it was read, not when; only `sent` has the moment of the message itself.
        world.facts.append(
            Fact(
                "status", voice.source, at if word == "sent" else None, arrival, message_id=message_id, status=word,
                told={**told, "with_message": True},
            )
        )  # fmt: skip
    if world.chance(0.2):  # read only now: the message is live again, so it counts
        world.status(
            voice,
            message_id,
            "read",
            arrival + world.within(HOUR, DAY),
            {**told, "historical": False, "pricing": "service", "callback": ""},
        )
