"""The timeline of a message: its events in order of arrival, and what each of them changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.load.lifecycle import apply_events, dumps

# Fields of an event that are shown beside its kind.
FACTS = (
    "status", "raw_status", "type", "raw_type", "text", "payload", "target_message_id", "from", "to", "participant",
    "template", "campaign", "category", "callback_data", "pricing_category", "error_code", "error_title",
    "error_text", "origin", "from_me", "historical",
)  # fmt: skip
# Columns whose changes are shown; the others only repeat fields of the event.
_SHOWN = (
    "direction", "origin", "template", "campaign", "category", "callback_data", "sent_at", "delivered_at", "read_at",
    "played_at", "failed_at", "deleted_at", "error_code", "status",
)  # fmt: skip


@dataclass(slots=True, frozen=True)
class Step:
    """One event: when it was received and happened, how often it was delivered, its fields and what it changed."""

    received_at: str
    occurred_at: str | None
    kind: str
    fields: dict[str, Any]
    arrivals: int
    changes: dict[str, dict[str, tuple[Any, Any]]]  # participant ('' = the message) -> column -> (before, after)


def steps(events: Iterable[Mapping[str, Any]], arrivals: Mapping[str, int], message_id: str) -> list[Step]:
    """The steps of the message in order of arrival. `arrivals` counts deliveries by event_id.

    Events about the message with another id (a reaction, an edit) are included; they do not change it.
    """
    stored: dict[bytes, bytes] = {}

    def scan(prefix: bytes) -> list[tuple[bytes, bytes]]:
        return [pair for pair in stored.items() if pair[0].startswith(prefix)]

    rows: dict[bytes, dict[str, Any]] = {}
    timeline = []
    for event in sorted(events, key=lambda event: (event["received_at"], event["event_id"])):
        changes: dict[str, dict[str, tuple[Any, Any]]] = {}
        if event.get("message_id") == message_id:
            states, now = apply_events([event], stored.get, scan)
            stored.update((key, dumps(state)) for key, state in states.items())
            for key, row in now.items():
                before = rows.get(key, {})
                changed = {
                    name: (before.get(name), row[name])
                    for name in _SHOWN
                    if row[name] != before.get(name) and (before or row[name] not in ("", "none", None))
                }
                if changed:
                    changes[row["participant"]] = changed
            rows.update(now)
        fields = {name: event[name] for name in FACTS if event.get(name) is not None}
        times = event["received_at"], event.get("occurred_at")
        timeline.append(Step(*times, event["kind"], fields, arrivals.get(event["event_id"], 1), changes))
    return timeline
