"""Who and where: phones, JIDs, lids, BSUIDs, groups, newsletters in the spellings of every provider. Pure.

Each function takes any JSON value and never raises.
"""

import re
from typing import Any

from schemas.parsing.json_values import as_id

# E.164 allows 15 digits; the shortest subscriber numbers in use, country code included, have 7.
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " ()-.\u00a0")
# Baileys writes s.whatsapp.net, web.js c.us; `hosted` is a phone whose business account lives at Meta.
_PHONE_SERVERS = frozenset({"s.whatsapp.net", "c.us", "hosted"})
_LID_SUFFIXES = ("@lid", "@hosted.lid")
# Business-scoped user id: country, optionally `.ENT` for the parent portfolio, up to 128 letters and digits.
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")


def phone(value: Any) -> str | None:
    """`+digits` when the value spells a phone number in any of the known ways, else None.

    Takes bare digits, E.164 with separators, `whatsapp:+...`, and phone JIDs with or without a device number. The
    digits of a lid or a group are not a phone.
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


def phone_or_id(value: Any) -> str | None:
    """`+digits` when it is a phone, else the provider's id verbatim, else None."""
    return phone(value) or as_id(value)


def without_device(jid: Any) -> str | None:
    """The JID of the person rather than of one of their devices: `123:16@lid` becomes `123@lid`."""
    spelled = as_id(jid)
    if spelled is None:
        return None
    user, at, server = spelled.partition("@")
    return user.partition(":")[0] + at + server if at else spelled


def is_group(value: Any) -> bool:
    """Baileys' and web.js's `...@g.us`, Z-API's `...-group`."""
    return isinstance(value, str) and value.endswith(("@g.us", "-group"))


def is_lid(value: Any) -> bool:
    """A hidden id, whose digits are not a phone."""
    return isinstance(value, str) and value.endswith(_LID_SUFFIXES)


def is_newsletter(value: Any) -> bool:
    """A channel."""
    return isinstance(value, str) and value.endswith("@newsletter")


def is_broadcast(value: Any) -> bool:
    """A story (`status@broadcast`) or a broadcast list."""
    return isinstance(value, str) and value.endswith("@broadcast")


def is_bsuid(value: Any) -> bool:
    """Meta's business-scoped user id, or its parent form."""
    return isinstance(value, str) and _BSUID.fullmatch(value) is not None


def chat_id(value: Any) -> str | None:
    """The chat verbatim when it is none of the phone spellings (group, newsletter, lid, broadcast), else None."""
    spelled = as_id(value)
    return spelled if spelled is not None and phone(spelled) is None else None


def group_member(*spellings: Any) -> str | None:
    """One stable spelling of a group member: the phone when any spelling knows it, else the first id verbatim.

    Device numbers are cut off: every device of a member reports its own receipt.
    """
    for spelling in spellings:
        known = phone(spelling)
        if known is not None:
            return known
    for spelling in spellings:
        verbatim = without_device(spelling)
        if verbatim is not None:
            return verbatim
    return None
