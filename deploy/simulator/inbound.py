"""Messages of customers, and the backfill of a provider's history."""

from deploy.simulator.facts import DAY, HOUR, MINUTE, SECOND, Details, Fact
from deploy.simulator.people import EMOJI, TEXTS, person
from deploy.simulator.profiles import Profile
from deploy.simulator.simulation import Simulation

# The message type in the provider's vocabulary -> in ours. Providers other than Meta document fewer types.
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
# WasenderApi reports one message under every event name that is subscribed.
_EVENT_NAMES = ("messages.received", "messages-personal.received", "messages.upsert")


def from_customer(sim: Simulation, profile: Profile) -> None:
    """One message of a customer; some are deleted later, and some are read by our own side."""
    types = TYPES[profile.provider]
    provider_type = "text" if sim.chance(0.55) else sim.rng.choice(list(types))
    without_id = profile.provider == "zapini" and sim.chance(0.5)
    message_id = "" if without_id else profile.new_id()
    at = sim.send_time() // SECOND * SECOND
    details = _details(sim, profile, provider_type)
    names: tuple[str, ...] = ("",)
    if profile.provider == "wasender":
        names = sim.rng.choice((_EVENT_NAMES[:1], _EVENT_NAMES[:2], _EVENT_NAMES))
    serial = sim.ids.serial()
    for name in names:
        fact = Fact(
            "inbound", profile.source, at, sim.arrival(at), message_id=message_id, serial=serial,
            details={**details, "event": name},
        )  # fmt: skip
        sim.emit(fact)
    if profile.provider == "wasender" and provider_type != "reaction" and sim.chance(0.4):
        own_read(sim, profile, message_id, at, details)
    if profile.cloud and provider_type == "text" and sim.chance(0.03):
        sim.emit_status(profile, message_id, "deleted", at + MINUTE, {**details, "type": ""})


def _details(sim: Simulation, profile: Profile, provider_type: str) -> Details:
    return {
        "who": person(sim.rng),
        "account": sim.rng.choice(profile.accounts),
        "provider_type": provider_type,
        "type": TYPES[profile.provider][provider_type],
        "text": sim.rng.choice(TEXTS).format(f"{sim.ids.run_tag}-{sim.ids.serial()}"),
        "emoji": sim.rng.choice(EMOJI) if sim.chance(0.8) else "",
        "target": profile.new_id(),
        "anonymous": sim.chance(0.1),
        "by_lid": sim.chance(0.3),
        "form": sim.rng.randrange(3),
    }


def own_read(sim: Simulation, profile: Profile, message_id: str, at: int, details: Details) -> None:
    """Our own side reads (or plays) a customer's message; it is no read of an outbound message."""
    status = "played" if details["type"] == "audio" else "read"
    when = sim.later(at, 10 * MINUTE, DAY)
    read: Details = {**details, "type": "", "spelled": details["who"].digits}
    sim.emit_status(profile, message_id, status, when, read, own=True)


def own_read_alone(sim: Simulation, profile: Profile) -> None:
    """Our own side reads a message that was never reported."""
    own_read(sim, profile, profile.new_id(), sim.send_time(), _details(sim, profile, "text"))


def from_group(sim: Simulation, profile: Profile) -> None:
    """A customer's message in a group: its author is the participant."""
    at, details = sim.send_time() // SECOND * SECOND, _details(sim, profile, "text")
    details["group"] = f"120363{sim.rng.randrange(10**12):012d}@g.us"
    details["event"] = "messages-group.received"
    details["by_lid"] = False
    fact = Fact(
        "inbound", profile.source, at, sim.arrival(at), message_id=profile.new_id(),
        participant="+" + details["who"].digits, details=details,
    )  # fmt: skip
    sim.emit(fact)


def backfill(sim: Simulation, profile: Profile) -> None:
    """A message from before the connection, reported by the provider's history: ours with a status, or a customer's."""
    who, message_id = person(sim.rng), profile.new_id()
    at = (sim.begin - sim.rng.randint(20 * DAY, 150 * DAY)) // SECOND * SECOND
    arrival = sim.begin + sim.delay(0, HOUR)
    details: Details = {
        "who": who, "account": profile.accounts[0], "historical": True, "type": "text", "provider_type": "text",
        "text": f"antigo {sim.ids.run_tag}", "spelled": who.digits,
    }  # fmt: skip
    if sim.chance(0.5):
        sim.facts.append(Fact("inbound", profile.source, at, arrival, message_id=message_id, details=details))
        return
    status = sim.rng.choice(("sent", "delivered", "read", ""))
    details["history_status"] = status
    sim.facts.append(
        Fact("sent", profile.source, at, arrival, message_id=message_id, origin="history", details=details)
    )
    if status:
        # The backfill reports that a message was read, not when; only `sent` has the moment of the message itself.
        sim.facts.append(
            Fact(
                "status", profile.source, at if status == "sent" else None, arrival, message_id=message_id,
                status=status, details={**details, "with_message": True},
            )
        )  # fmt: skip
    if sim.chance(0.2):  # read only now: the message is live again, so it counts
        live: Details = {**details, "historical": False, "pricing": "service", "callback": ""}
        sim.emit_status(profile, message_id, "read", arrival + sim.delay(HOUR, DAY), live)
