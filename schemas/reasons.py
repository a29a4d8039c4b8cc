"""The closed list of reasons for which a body, or an element of one, becomes a dead letter."""

from enum import StrEnum


class Reason(StrEnum):
    """The reason of a dead letter, as stored in `wa.dead`."""

    INVALID_JSON = "invalid_json"  # the body does not parse
    UNKNOWN_SHAPE = "unknown_shape"  # it parses, but has no shape that this provider is known to send
    BAD_ELEMENT = "bad_element"  # one element of a body that is otherwise understood
    BAD_ENVELOPE = "bad_envelope"  # the raw record lacks a header that the edge always writes
    UNKNOWN_PROVIDER = "unknown_provider"  # the raw record names a provider that this version does not have
    UNKNOWN_SOURCE = "unknown_source"  # a record of wa.sent names a source that the settings do not have
    TOO_LARGE = "too_large"  # the resulting event exceeds the limit of its topic
    RESOLVED = "resolved"  # no reason: a later attempt understood the element, so no count and no view has it
    PARSER_ERROR = "parser_error"  # our parser raised: a bug of ours, worth a retry after the fix
