"""The lengths of names, ids and texts in characters: an event or a dead letter with a longer one is refused.

Each becomes a part of keys, of rows and of the parameters of queries, and any program may write to the topics: one
endless name would stop whatever reads it. The limits are far above what providers send.
"""

from collections.abc import Mapping
from typing import Any, Final

_NAME: Final = 64
_ID: Final = 1_024
_WORDS: Final = 8_192
_TEXT: Final = 1_048_576

LENGTHS: Final[Mapping[str, int]] = (
    dict.fromkeys(("source", "provider", "kind", "event_id", "received_at", "occurred_at"), _NAME)
    | dict.fromkeys(
        (
            "account", "message_id", "request_id", "from", "to", "chat_id", "participant", "sender_lid",
            "sender_bsuid", "username", "reply_to", "target_message_id", "conversation_id", "type", "status", "origin",
            "error_code", "pricing_category", "pricing_type", "category", "event", "state", "reason_code",
            "topic", "reason", "detail", "excerpt",
        ),
        _ID,
    )
    | dict.fromkeys(
        (
            "sender_name", "raw_type", "raw_status", "raw_state", "media_id", "media_mime", "media_filename",
            "media_sha256", "error_title", "callback_data", "campaign", "template",
        ),
        _WORDS,
    )
    | dict.fromkeys(("text", "payload", "media_url", "error_text"), _TEXT)
)  # fmt: skip


def too_long(facts: Mapping[str, Any]) -> str | None:
    """`source has 70000 characters, the limit is 64`: the first text that is too long; None when there is none."""
    for name, value in facts.items():
        if type(value) is str and len(value) > _NAME and len(value) > LENGTHS.get(name, _TEXT):
            return f"{name} has {len(value)} characters, the limit is {LENGTHS.get(name, _TEXT)}"
    return None


def clipped(name: str, value: str) -> str:
    """The beginning of a text, as long as its name allows."""
    return value[: LENGTHS[name]]
