"""The toolbox of parsers: from the bytes of a body to `Parsed` and `Rejected` elements.

json_text       decodes and encodes JSON
json_types      types of decoded JSON
json_values     reads values of any shape without raising
identity        phone numbers and the ids of chats, groups and people
times           times of providers, in milliseconds
results         what a parser yields
bodies          the first steps of a parser
send_responses  the response to the call that sends a message, as a sent record

Providers outside this package import the same functions from `schemas.provider_api`.
"""
