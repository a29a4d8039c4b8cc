"""The closed list of reasons for which a body, or an element of one, becomes a dead letter."""

from enum import StrEnum


class Reason(StrEnum):
    """The reason of a dead letter, as stored in `wa.dead`."""

    INVALID_JSON = "invalid_json"  # the body does not parse
    UNKNOWN_SHAPE = "unknown_shape"  # it parses, but has no shape that this provider is known to send
    BAD_ELEMENT = "bad_element"  # one malformed element of a valid body
    BAD_ENVELOPE = "bad_envelope"  # the raw record lacks a header that the edge always writes
    UNKNOWN_PROVIDER = "unknown_provider"  # the raw record names a provider that this version does not have
    UNKNOWN_SOURCE = "unknown_source"  # a record of wa.sent names a source that the settings do not have
    TOO_LARGE = "too_large"  # the event exceeds the limit of its topic, or the inflated body its own
    RECORDS_DELETED = "records_deleted"  # no element: records that Kafka deleted before a worker had read them
    RESOLVED = "resolved"  # no error: the element was parsed later, so no count and no view has it
    PARSER_ERROR = "parser_error"  # our parser raised: a bug of ours, worth a retry after the fix
