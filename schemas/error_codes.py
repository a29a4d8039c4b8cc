"""What the error codes of failed messages mean and what to do about them, in Python and in ClickHouse. Pure.

A code is kept as it came and never guessed: one that is not listed is of class `unknown`, a failure without a code of
class `none`. Codes that mean one thing whoever reports them (six digits of Meta, five of Twilio, Green-API's words) are
listed without a provider; short numbers are read as those of the provider that sent them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

Class = Literal["number", "policy", "retry", "window", "account", "template", "content", "identity", "unknown", "none"]

# What to do about a failure of a class, unless its code says it better.
ACTIONS: Final[Mapping[Class, str]] = {
    "number": "Count it as evidence against the number; stop writing to it after several",
    "policy": "The number is fine, WhatsApp held the message back: do not send it again at once",
    "retry": "Send more slowly, and send this message again later",
    "window": "More than 24 hours since the customer wrote: send an approved template instead",
    "account": "The account is in danger: look at it in the provider's console now",
    "template": "Mend the template, or use another one that is approved",
    "content": "Mend the message: its type, its media or its parameters are not accepted",
    "identity": "Phone or security code of the customer changed: make sure who it is before you write on",
    "unknown": "This code is not known here: look it up at the provider",
    "none": "The provider gave no reason: look at the message and at the state of the sender",
}

_BLOCKED = "Ask the provider why the account is blocked, and stop sending until it is free"
_PAY = "Mend the payment method of the account: nothing that costs is delivered until then"
_TOKEN = "Renew the access token, and check the permissions of the app"  # noqa: S105  (a sentence)
_REGISTER = "Register the number with the provider again"
_OPTED_OUT = "The customer stopped marketing messages: take the number off marketing lists"


@dataclass(slots=True, frozen=True)
class ErrorCode:
    """One code. `provider` is "" when it means the same whoever reports it."""

    code: str
    cls: Class
    title: str
    action: str
    provider: str = ""


def _of(cls: Class, titles: Mapping[str, str], action: str = "", provider: str = "") -> list[ErrorCode]:
    return [ErrorCode(code, cls, title, action or ACTIONS[cls], provider) for code, title in titles.items()]


_META = [
    *_of("number", {
        "131026": "undeliverable: no WhatsApp, an old app, or terms not accepted",
        "131021": "sender and recipient are the same number",
        "131062": "the user id cannot be written to this way",
        "131063": "the user id cannot be written to this way",
        "131064": "the user id cannot be written to this way",
    }),
    *_of("policy", {
        "130472": "held back for an experiment of Meta",
        "131049": "held back: this person gets enough marketing messages",
    }),
    *_of("policy", {"131050": "this person stopped marketing messages"}, _OPTED_OUT),
    *_of("retry", {
        "130429": "more messages a second than the number may send",
        "131048": "limited because messages were blocked or marked as spam",
        "131056": "too many messages to this person in a short time",
        "131057": "account in maintenance",
        "131000": "something went wrong at WhatsApp",
        "131016": "WhatsApp was not available",
        "135000": "something went wrong at WhatsApp",
        "133016": "too many registrations of the number",
        "80007": "more requests than the account may send",
    }),
    *_of("window", {"131047": "more than 24 hours since the last reply"}),
    *_of("account", {"131031": "account locked"}, _BLOCKED),
    *_of("account", {"131042": "payment method missing or refused"}, _PAY),
    *_of("account", {"131045": "number not registered"}, _REGISTER),
    *_of("account", {
        "130497": "the account may not write to people in this country",
        "131037": "display name of the number not approved",
    }),
    *_of("account", {"131005": "access denied"}, _TOKEN),
    *_of("template", {
        "132000": "number of parameters differs from the template's",
        "132001": "no such template in this language",
        "132005": "text with its parameters is too long",
        "132007": "template breaks a policy of WhatsApp",
        "132012": "a parameter has the wrong format",
        "132015": "template paused for its quality",
        "132016": "template disabled for its quality",
        "132068": "flow blocked",
        "132069": "flow limited for its errors",
    }),
    *_of("content", {
        "131008": "a parameter is missing",
        "131009": "a parameter has a wrong value",
        "131051": "type of message not supported",
        "131052": "media of the customer could not be fetched",
        "131053": "our media could not be uploaded",
    }),
    *_of("identity", {"137000": "phone or security code of the person changed"}),
    *_of("content", {"100": "a parameter is not supported or misspelt"}, provider="meta"),
    *_of("account", {"368": "blocked for breaking a policy"}, _BLOCKED, "meta"),
    *_of("account", {
        "0": "app user not authenticated",
        "3": "permission missing",
        "10": "permission denied or taken away",
        "190": "access token expired",
        **{str(code): "permission denied or taken away" for code in range(200, 300)},
    }, _TOKEN, "meta"),
]  # fmt: skip

_TWILIO = [
    *_of("number", {"63003": "no WhatsApp at this number", "63024": "recipient cannot get this message"}),
    *_of("policy", {
        "63032": "held back by WhatsApp for this person",
        "63049": "held back: this person gets enough marketing messages",
    }),
    *_of("retry", {"63012": "something went wrong at WhatsApp", "63018": "more messages than may be sent"}),
    *_of("window", {"63016": "outside the 24 hours, and no template"}),
    *_of("account", {"63020": "payment missing"}, _PAY),
    *_of("template", {"63027": "no such template in this language", "63028": "number of parameters differs"}),
    *_of("content", {"63013": "a parameter has a wrong value", "63021": "content not accepted"}),
]  # fmt: skip

# Green-API says these words in place of a status; WhatsApp itself answers a Baileys client with short numbers.
_OTHERS = [
    *_of("number", {"noAccount": "no WhatsApp at this number"}),
    *_of("content", {"notInGroup": "our number is not in this group"}, "Join the group before you write to it"),
    *_of("retry", {"yellowCard": "limited because messages were marked as spam"}),
    *_of("window", {"noActiveSession": "outside the 24 hours, and no template"}),
    *_of("account", {"463": "account restricted: may not open new chats"}, _BLOCKED, "wasender"),
    *_of("retry", {"429": "more messages than may be sent"}, provider="wasender"),
]

CODES: Final[Mapping[tuple[str, str], ErrorCode]] = {
    (known.provider, known.code): known for known in (*_META, *_TWILIO, *_OTHERS)
}


def _codes(*classes: Class) -> tuple[str, ...]:
    return tuple(code for (_, code), known in CODES.items() if known.cls in classes)


_TEMPLATES = "132"  # all codes that begin so are about templates and flows, those of the future too
# Left out of list health, because they say nothing about the number. The second holds what we did wrong ourselves.
POLICY: Final = _codes("policy")
OWN_FAULT: Final = (*_codes("window", "template"), "131042", "63020")
# Evidence against the number.
NUMBER_PROBLEM: Final = _codes("number")


def classify(provider: str, code: str) -> ErrorCode:
    """What is known of a failure's code; class `unknown` for one that is not listed, `none` for ""."""
    if not code:
        return ErrorCode("", "none", "", ACTIONS["none"])
    found = CODES.get((provider, code)) or CODES.get(("", code))
    return found or ErrorCode(code, "unknown", "", ACTIONS["unknown"])


@cache
def class_sql(provider: str, code: str) -> str:
    """A ClickHouse expression of type String: the class of the code in column `code`, SQL of type String."""
    return _lookup(provider, code, {key: known.cls for key, known in CODES.items()}, "unknown", "none")


@cache
def action_sql(provider: str, code: str) -> str:
    """The same for the sentence that says what to do."""
    actions = {key: known.action for key, known in CODES.items()}
    return _lookup(provider, code, actions, ACTIONS["unknown"], ACTIONS["none"])


@cache
def title_sql(provider: str, code: str) -> str:
    """The same for a few words on what happened; "" where nothing is known."""
    return _lookup(provider, code, {key: known.title for key, known in CODES.items()}, "", "")


def policy_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` says that WhatsApp held the message back."""
    return f"{code} IN {_tuple(POLICY)}"


def own_fault_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` says that we made a mistake, templates of any kind included."""
    return f"({code} IN {_tuple(OWN_FAULT)} OR startsWith({code}, '{_TEMPLATES}'))"


def number_problem_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` is evidence against the number."""
    return f"{code} IN {_tuple(NUMBER_PROBLEM)}"


def _lookup(provider: str, code: str, values: Mapping[tuple[str, str], str], unknown: str, none: str) -> str:
    """One condition for each distinct value, so that the SQL stays short enough to be read where it is shown."""
    groups: dict[tuple[str, str], list[str]] = {}
    for (owner, name), value in values.items():
        groups.setdefault((owner, value), []).append(name)
    cases = [f"{code} = '', {_text(none)}"]
    for (owner, value), names in groups.items():
        whose = f"{provider} = {_text(owner)} AND " if owner else ""
        cases.append(f"{whose}{code} IN {_tuple(names)}, {_text(value)}")
    return f"multiIf({', '.join(cases)}, {_text(unknown)})"


def _tuple(words: Iterable[str]) -> str:
    return f"({', '.join(map(_text, words))})"


def _text(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"
