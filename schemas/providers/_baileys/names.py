"""The names of Baileys' fields: engines written in Go spell the same ones differently.

Go writes an abbreviation in capitals (stanzaID, fileSHA256, URL), the fields of its own types with a capital at the
beginning (SenderAlt), and a field that is one of several inside an object named after the choice (Response).
"""

import re

from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_object

_ABBREVIATION = re.compile("[A-Z]{2,}(?![a-z])")
_MAX_NAME = 64
_MAX_KNOWN = 4096
_known: dict[str, str] = {}  # short names that were seen before, with their spelling in Baileys
_plain: set[str] = set()  # those of them that need no change: nearly all objects have no others and cost one look


def spelled(value: Json) -> JsonObject:
    """The object with its own names in Baileys' spelling (those inside its values stay); {} for any other value.

    A field that is there in both spellings has the value of Baileys' one, unless that is null.
    """
    names = as_object(value)
    if _plain.issuperset(names):
        return names
    found: JsonObject = {}
    for name in sorted(names):  # capitals before small letters, so Go's spelling before Baileys'
        own = _known.get(name) or _baileys_name(name)
        if own not in found or names[name] is not None:
            found[own] = names[name]
    return found


def chosen(part: JsonObject, choice: str) -> JsonObject:
    """The object together with what Go writes inside its field `choice`."""
    inside = spelled(part.get(choice))
    return {**inside, **part} if inside else part


def _baileys_name(name: str) -> str:
    """`fileSHA256` as `fileSha256`, `URL` as `url`, `JPEGThumbnail` as `jpegThumbnail`."""
    if len(name) > _MAX_NAME:
        return name
    own = _ABBREVIATION.sub(lambda found: found[0].capitalize(), name)
    own = own[:1].lower() + own[1:]
    if len(_known) < _MAX_KNOWN:
        _known[name] = own
        if own == name:
            _plain.add(name)
    return own
