"""Acts in a chat that are no messages, though providers pass them on as messages: a pin, a vote, a setting of the chat.

None of them ever has a status. Those of ours would count as sent and be pending for ever.
"""

import re
from functools import lru_cache

# In lower case, letters and digits alone, without "message" at the end: the names in WhatsApp's protocol, in web.js and
# of the providers themselves.
_NO_MESSAGES = frozenset({
    "protocol",  # settings, keys and requests between the devices; edits and deletions are read before
    "pin", "unpin", "pinned", "unpinned", "pininchat", "unpininchat", "pinchat",
    "keep", "unkeep", "keepinchat", "unkeepinchat", "undokeepinchat",
    "album",  # announces pictures, which arrive as messages of their own
    "call", "calllog", "calllogmesssage", "scheduledcalledit",  # three s: as in the protocol
    "stickersyncrmr", "messagehistorybundle", "messagehistorynotice", "grouprootkeyshare", "limitsharing",
    "statusnotification",
    "e2enotification", "notification", "notificationtemplate", "groupnotification", "broadcastnotification",
    "newsletternotification", "gp2", "debug",
})  # fmt: skip
# What somebody answers to a message: of a customer it is something that they wrote.
_ANSWERS = frozenset({
    "pollvote", "pollupdate", "polladdoption", "eventresponse", "enceventresponse", "secretencrypted",
    "statusstickerinteraction",
})  # fmt: skip
_EDITS = frozenset({"edit", "edited", "messageedit", "messageedited"})
_MAX_NAME = 64


def is_act(name: str | None, mine: bool) -> bool:
    """Whether a message of this type, or with content of this name, is no message; `mine`: our side did it."""
    word = _word(name)
    return word in _NO_MESSAGES or (mine and word in _ANSWERS)


def is_edit(name: str | None) -> bool:
    """Whether a type's name is that of an edit."""
    return _word(name) in _EDITS


def _word(name: str | None) -> str:
    return _spelled(name) if name is not None and len(name) <= _MAX_NAME else ""


@lru_cache(maxsize=4096)
def _spelled(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower()).removesuffix("message")
