"""Phone numbers and the ids of chats and people, in the spellings of every provider.

WhatsApp's servers name a chat by a JID, `user@server`. A lid is a JID that hides the phone number, a BSUID is Meta's
business-scoped user id. Every function takes any JSON value and never raises.
"""

import re

from schemas.parsing.json_types import Json
from schemas.parsing.json_values import as_id

# E.164 allows 15 digits; the shortest subscriber numbers in use, country code included, have 7.
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " ()-.\u00a0")
# Baileys writes s.whatsapp.net, web.js c.us; `hosted` is a phone whose business account lives at Meta.
_PHONE_SERVERS = frozenset({"s.whatsapp.net", "c.us", "hosted"})
_LID_SUFFIXES = ("@lid", "@hosted.lid")
# Business-scoped user id: country, optionally `.ENT` for the parent portfolio, up to 128 letters and digits.
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


def phone(value: Json) -> str | None:
    """`+digits` when the value spells a phone number in any of the known ways, else None.

    Takes bare digits, E.164 with separators, `whatsapp:+...`, and JIDs of phones with or without a device number. The
    digits of a lid or of a group are not a phone number.
    """
    spelled = as_id(value)
    if spelled is None:
        return None
    if _DIGITS.fullmatch(spelled):
        return "+" + spelled
    user, at, server = spelled.removeprefix("whatsapp:").partition("@")
    if at:
        if server not in _PHONE_SERVERS:
            return None
        user = user.partition(":")[0].partition("_")[0]
    else:
        user = user.translate(_SEPARATORS)
    digits = user.removeprefix("+")
    return "+" + digits if _DIGITS.fullmatch(digits) else None


def phone_or_id(value: Json) -> str | None:
    """`+digits` when the value is a phone number, else the provider's id verbatim, else None."""
    return phone(value) or as_id(value)


def without_device(jid: Json) -> str | None:
    """The JID of a person instead of one of their devices: `123:16@lid` becomes `123@lid`."""
    spelled = as_id(jid)
    if spelled is None:
        return None
    user, at, server = spelled.partition("@")
    return user.partition(":")[0] + at + server if at else spelled


def is_group(value: Json) -> bool:
    """Whether it is the id of a group: Baileys' and web.js's `...@g.us`, Z-API's `...-group`."""
    return isinstance(value, str) and value.endswith(("@g.us", "-group"))


def is_lid(value: Json) -> bool:
    """Whether it is a lid: a hidden id, whose digits are not a phone number."""
    return isinstance(value, str) and value.endswith(_LID_SUFFIXES)


def is_broadcast(value: Json) -> bool:
    """Whether it is the id of the stories (`status@broadcast`) or of a broadcast list."""
    return isinstance(value, str) and value.endswith("@broadcast")


def is_bsuid(value: Json) -> bool:
    """Whether it is Meta's business-scoped user id, or its parent form."""
    return isinstance(value, str) and _BSUID.fullmatch(value) is not None


def chat_id(value: Json) -> str | None:
    """The id of a group, a newsletter, a lid or a broadcast, verbatim; None for a phone number in any spelling."""
    spelled = as_id(value)
    return spelled if spelled is not None and phone(spelled) is None else None


def group_member(*spellings: Json) -> str | None:
    """One stable spelling of a group member: the phone number if any spelling has it, else the first id verbatim.

    Device numbers are cut off: every device of a member reports its own receipt.
    """
    for spelling in spellings:
        number = phone(spelling)
        if number is not None:
            return number
    for spelling in spellings:
        verbatim = without_device(spelling)
        if verbatim is not None:
            return verbatim
    return None
