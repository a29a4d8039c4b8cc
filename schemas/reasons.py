"""The closed list of reasons for which a body, or an element of one, goes to the dead letters. Pure."""

from enum import StrEnum


class Reason(StrEnum):
    INVALID_JSON = "invalid_json"  # the body does not parse
    UNKNOWN_SHAPE = "unknown_shape"  # it parses, but is nothing that this provider is known to send
    BAD_ELEMENT = "bad_element"  # one element of a body that is otherwise understood
    BAD_ENVELOPE = "bad_envelope"  # the raw record lacks a header that the edge always writes
    UNKNOWN_PROVIDER = "unknown_provider"  # the raw record names a provider that this version does not have
    UNKNOWN_SOURCE = "unknown_source"  # a record of wa.sent names no source of the settings
    TOO_LARGE = "too_large"  # the event made of it exceeds what its topic takes
    RESOLVED = "resolved"  # no reason: a later try understood the element, so it is in no count and no view
    PARSER_ERROR = "parser_error"  # our parser raised: a bug of ours, so worth a retry after the fix
