"""What each event changed on a message: the story of a unit, told in order of arrival. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.load.lifecycle import apply_events, dumps

# What is told of an event beside its kind.
FACTS = (
    "status", "raw_status", "type", "raw_type", "text", "payload", "target_message_id", "from", "to", "participant",
    "template", "campaign", "category", "callback_data", "pricing_category", "error_code", "error_title",
    "error_text", "origin", "from_me", "historical",
)  # fmt: skip
# Columns whose changes are the story; the rest only repeats what the event says.
_STORY = (
    "direction", "origin", "template", "campaign", "category", "callback_data", "sent_at", "delivered_at", "read_at",
    "played_at", "failed_at", "deleted_at", "error_code", "status",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Step:
    """One event: when it came in and happened, how often it was delivered, what it says and what it changed."""

    received_at: str
    occurred_at: str | None
    kind: str
    says: dict[str, Any]
    arrivals: int
    changes: dict[str, dict[str, tuple[Any, Any]]]  # participant ('' = the message) -> column -> (before, after)


def steps(events: Iterable[Mapping[str, Any]], arrivals: Mapping[str, int], message_id: str) -> list[Step]:
    """The steps of the message in order of arrival. `arrivals` counts deliveries by event_id.

    Events about the message that have another id (a reaction, an edit) are told too; they change nothing of it.
    """
    stored: dict[bytes, bytes] = {}

    def scan(prefix: bytes) -> list[tuple[bytes, bytes]]:
        return [pair for pair in stored.items() if pair[0].startswith(prefix)]

    rows: dict[bytes, dict[str, Any]] = {}
    told = []
    for event in sorted(events, key=lambda event: (event["received_at"], event["event_id"])):
        changes: dict[str, dict[str, tuple[Any, Any]]] = {}
        if event.get("message_id") == message_id:
            states, now = apply_events([event], stored.get, scan)
            stored.update((key, dumps(state)) for key, state in states.items())
            for key, row in now.items():
                before = rows.get(key, {})
                changed = {
                    name: (before.get(name), row[name])
                    for name in _STORY
                    if row[name] != before.get(name) and (before or row[name] not in ("", "none", None))
                }
                if changed:
                    changes[row["participant"]] = changed
            rows.update(now)
        says = {name: event[name] for name in FACTS if event.get(name) is not None}
        times = event["received_at"], event.get("occurred_at")
        told.append(Step(*times, event["kind"], says, arrivals.get(event["event_id"], 1), changes))
    return told
