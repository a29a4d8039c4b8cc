"""The stable interface for providers of your own: everything that a provider module needs, from one place.

The names in `__all__` keep their meaning within a major version; other modules of `schemas` may move.
"""

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_hmac, matching_secret, verdict_for
from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import elements_of, read_each, read_named
from schemas.parsing.identity import chat_id, group_member, is_group, phone, phone_or_id
from schemas.parsing.json_text import InvalidJSON, loads
from schemas.parsing.json_values import as_id, as_list, as_object, as_text, first_id, first_text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.send_responses import recipient_fields, sent_record
from schemas.parsing.times import parse_epoch, parse_iso, parse_time
from schemas.providers.base import Provider
from schemas.reasons import Reason

__all__ = [  # noqa: RUF022  (grouped by use)
    # The provider itself.
    "Provider",              # what a module defines as PROVIDER
    # Results: what `parse` yields for each element of a body.
    "Parsed",                # an event: its kind and its fields
    "Rejected",              # an element that could not be parsed, with its reason
    "Reason",                # the closed list of reasons
    # Bodies.
    "read_each",             # decodes a JSON body, a list or one value, and calls a function for each value
    "read_named",            # the same for objects that name their event in one of their keys
    "elements_of",           # decodes a JSON body and calls a function once
    "loads",                 # decodes JSON, tolerant of what providers really send
    "InvalidJSON",           # the only exception that `loads` raises
    # JSON values of any shape: these take any value and never raise.
    "as_object",             # the object, else {}
    "as_list",               # the list, else a list of the one value
    "as_id",                 # an id, a name or a word: a short text, or an integer as text; else None
    "first_id",              # the first of several values that `as_id` takes
    "as_text",               # a text of any length, else None
    "first_text",            # the first of several values that `as_text` takes
    # Times, in milliseconds since 1970 UTC; None for a value that is no time between 2009 and 2100.
    "parse_time",            # an epoch number in any unit, or ISO 8601
    "parse_epoch",           # an epoch number in s, ms or us
    "parse_iso",             # ISO 8601
    # Who and where.
    "phone",                 # `+digits` of a phone number in any known spelling, else None
    "phone_or_id",           # `+digits`, else the id as it was given
    "chat_id",               # the id of a chat that is no phone number: a group, a newsletter, a lid
    "is_group",              # whether an id is that of a group
    "group_member",          # one stable spelling of a member of a group
    # Authentication: what `verify` is made of. Secrets are compared in constant time.
    "Request",               # the HTTP request
    "Verdict",               # the result: ok, reject or unsigned
    "UNSIGNED",              # the source has no secrets, so there is nothing to check
    "REJECT",                # a forgery, or no credentials
    "verify_static_secret",  # a `verify` for a secret in any header or parameter of the request
    "matching_secret",       # the secret that equals a given text
    "matching_hmac",         # the secret that made a hex HMAC-SHA256 of the body
    "verdict_for",           # ok for a secret that was found, REJECT for None
    # The response to the call that sends a message: what `send_response` is made of.
    "sent_record",           # the sent event of one message, and its status
    "recipient_fields",      # the fields of its recipient
]  # fmt: skip
