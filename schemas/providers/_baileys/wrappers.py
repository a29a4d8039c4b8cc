"""What is inside the wrappers of a Baileys message, and what the wrappers and the inside say about another message."""

from dataclasses import dataclass

from schemas.parsing.json_types import Json, JsonObject
from schemas.parsing.json_values import as_id
from schemas.providers._baileys.names import spelled

# Fields of the protocol's Message whose content is another Message. Any other field with an object `message` is read in
# the same way, so that the next wrapper loses no message.
_WRAPPERS = frozenset({
    "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension", "editedMessage",
    "documentWithCaptionMessage", "groupMentionedMessage", "lottieStickerMessage", "deviceSentMessage",
    "botInvokeMessage", "botTaskMessage", "botForwardedMessage", "associatedChildMessage", "groupStatusMessage",
    "groupStatusMessageV2", "statusMentionMessage", "groupStatusMentionMessage", "statusAddYours", "eventCoverImage",
    "pollCreationMessageV4", "pollCreationOptionImageMessage", "limitSharingMessage", "questionMessage",
    "questionReplyMessage", "newsletterAdminProfileMessage", "newsletterAdminProfileMessageV2",
    "newsletterAdminProfileStatusMessage", "spoilerMessage", "commentMessage",
})  # fmt: skip
_MAX_WRAPPERS = 16  # real messages nest four at most
# Keys that are not content. A message that only carries keys of the group's encryption has nothing else.
NOISE = frozenset({
    "messageContextInfo", "senderKeyDistributionMessage", "fastRatchetKeySenderKeyDistributionMessage",
    "base64", "mediaUrl",
})  # fmt: skip
_REVOKE = (0, "REVOKE", None)  # 0 is the default of the protocol buffer, and some APIs leave defaults out
_EDIT = frozenset({"14", "MESSAGE_EDIT"})
_SECRET_EDIT = frozenset({"1", "EVENT_EDIT", "2", "MESSAGE_EDIT", "4", "POLL_EDIT"})


@dataclass(slots=True)
class Unwrapped:
    """A message without its wrappers.

    edited: one of the wrappers makes it the new version of another message. commented: the key of the message that it
    comments on. media_url: where the API keeps its copy of the media.
    """

    message: JsonObject
    edited: bool = False
    commented: Json = None
    media_url: Json = None


def unwrapped(value: Json) -> Unwrapped:
    """The message inside its wrappers, which may lie in each other."""
    found = Unwrapped(spelled(value))
    for _ in range(_MAX_WRAPPERS):
        found.media_url = found.media_url or found.message.get("mediaUrl")
        name = _wrapper(found.message)
        if name is None:
            break
        wrapper = spelled(found.message[name])
        found.edited = found.edited or name == "editedMessage"
        found.commented = found.commented or (wrapper.get("targetMessageKey") if name == "commentMessage" else None)
        found.message = spelled(wrapper.get("message"))
    return found


def edit_of(found: Unwrapped) -> tuple[str | None, Json] | None:
    """The id of the message that is edited, and its new version if that is not encrypted; None when it is no edit."""
    protocol, secret = found.message.get("protocolMessage"), found.message.get("secretEncryptedMessage")
    if isinstance(protocol, dict):
        protocol = spelled(protocol)
        if as_id(protocol.get("type")) in _EDIT or "editedMessage" in protocol:
            return as_id(spelled(protocol.get("key")).get("id")), protocol.get("editedMessage")
    elif isinstance(secret, dict):
        secret = spelled(secret)
        if as_id(secret.get("secretEncType")) in _SECRET_EDIT:
            return as_id(spelled(secret.get("targetMessageKey")).get("id")), None
    return None


def revoked_key(found: Unwrapped) -> JsonObject | None:
    """The key of the message that this message deletes, from its sender's view; None when it deletes none."""
    protocol = spelled(found.message.get("protocolMessage"))
    if not protocol or protocol.get("type") not in _REVOKE or "editedMessage" in protocol:
        return None
    return spelled(protocol.get("key")) or None


def _wrapper(message: JsonObject) -> str | None:
    """The name of the wrapper in a message; one that we know before another, whatever their order in the body."""
    names = [name for name in message if name in _WRAPPERS and isinstance(message[name], dict)]
    if not names:
        names = [name for name in message if name not in NOISE and _wraps(message[name])]
    return min(names, default=None)


def _wraps(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("message"), dict)
