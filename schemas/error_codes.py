"""The meaning of the error codes of failed messages and what to do about them, in Python and in ClickHouse.

A code is kept as it came and never guessed: a code that is not listed has the class `unknown`, a failure without a code
the class `none`. Codes with one meaning at every provider (Meta's six digits, Twilio's five, Green-API's words) are
listed without a provider; short numbers belong to the provider that sent them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

ErrorClass = Literal[
    "number", "policy", "retry", "window", "account", "template", "content", "identity", "unknown", "none"
]

# What to do about a failure of a class; a code may have an action of its own.
ACTIONS: Final[Mapping[ErrorClass, str]] = {
    "number": "The number may be invalid: remove it from your lists after several such failures",
    "policy": "WhatsApp did not deliver by its own policy; the number is valid: do not send again soon",
    "retry": "Lower the sending rate and send this message again later",
    "window": "More than 24 hours since the customer's last message: send an approved template instead",
    "account": "The account has a problem: check it in the provider's console now",
    "template": "Correct the template or use another approved one",
    "content": "Correct the message: its type, media or parameters are not accepted",
    "identity": "The customer's phone or security code changed: verify who it is before you write again",
    "unknown": "This code is not listed here: look it up in the provider's documentation",
    "none": "The provider gave no reason: check the message and the state of the sender",
}

_BLOCKED = "Stop sending, and ask the provider why the account is blocked"
_PAY = "Fix the payment method of the account: until then no paid message is delivered"
_TOKEN = "Renew the access token and check the permissions of the app"  # noqa: S105  (a sentence)
_REGISTER = "Register the number at the provider again"
_OPTED_OUT = "The customer opted out of marketing messages: remove the number from marketing lists"


@dataclass(slots=True, frozen=True)
class ErrorCode:
    """One code: what happened and what to do. `provider` is "" for a code with one meaning at every provider."""

    code: str
    error_class: ErrorClass
    title: str
    action: str
    provider: str = ""


def _codes(error_class: ErrorClass, titles: Mapping[str, str], action: str = "", provider: str = "") -> list[ErrorCode]:
    """Codes of one class by code and title; `action`: instead of that of the class."""
    action = action or ACTIONS[error_class]
    return [ErrorCode(code, error_class, title, action, provider) for code, title in titles.items()]


_META = [
    *_codes("number", {
        "131026": "undeliverable: no WhatsApp, outdated app or terms not accepted",
        "131021": "sender and recipient are the same number",
        "131062": "this user id cannot receive this message",
        "131063": "this user id cannot receive this message",
        "131064": "this user id cannot receive this message",
    }),
    *_codes("policy", {
        "130472": "not delivered: part of an experiment by Meta",
        "131049": "not delivered: this person received enough marketing messages",
    }),
    *_codes("policy", {"131050": "this person opted out of marketing messages"}, _OPTED_OUT),
    *_codes("retry", {
        "130429": "rate limit of the number reached",
        "131048": "rate limited: messages were blocked or reported as spam",
        "131056": "too many messages to this person in a short time",
        "131057": "account in maintenance mode",
        "131000": "internal error at WhatsApp",
        "131016": "WhatsApp was unavailable",
        "135000": "internal error at WhatsApp",
        "133016": "too many registration attempts for the number",
        "80007": "rate limit of the account reached",
    }),
    *_codes("window", {"131047": "more than 24 hours since the customer's last message"}),
    *_codes("account", {"131031": "account locked"}, _BLOCKED),
    *_codes("account", {"131042": "payment method missing or declined"}, _PAY),
    *_codes("account", {"131045": "number not registered"}, _REGISTER),
    *_codes("account", {
        "130497": "the account may not send messages to this country",
        "131037": "display name of the number not approved",
    }),
    *_codes("account", {"131005": "access denied"}, _TOKEN),
    *_codes("template", {
        "132000": "number of parameters does not match the template",
        "132001": "template does not exist in this language",
        "132005": "text is too long with its parameters",
        "132007": "template violates a policy of WhatsApp",
        "132012": "a parameter has the wrong format",
        "132015": "template paused for low quality",
        "132016": "template disabled for low quality",
        "132068": "flow blocked",
        "132069": "flow throttled because of errors",
    }),
    *_codes("content", {
        "131008": "a parameter is missing",
        "131009": "a parameter has an invalid value",
        "131051": "message type not supported",
        "131052": "media of the customer could not be downloaded",
        "131053": "our media could not be uploaded",
    }),
    *_codes("identity", {"137000": "phone or security code of the customer changed"}),
    *_codes("content", {"100": "a parameter is unsupported or misspelled"}, provider="meta"),
    *_codes("account", {"368": "blocked for a policy violation"}, _BLOCKED, "meta"),
    *_codes("account", {
        "0": "app user not authenticated",
        "3": "permission missing",
        "10": "permission not granted or revoked",
        "190": "access token expired",
        **{str(code): "permission not granted or revoked" for code in range(200, 300)},
    }, _TOKEN, "meta"),
]  # fmt: skip

_TWILIO = [
    *_codes("number", {
        "63003": "no WhatsApp account with this number",
        "63024": "recipient cannot receive this message",
    }),
    *_codes("policy", {
        "63032": "not delivered to this person by WhatsApp's policy",
        "63049": "not delivered: this person received enough marketing messages",
    }),
    *_codes("retry", {"63012": "internal error at WhatsApp", "63018": "rate limit reached"}),
    *_codes("window", {"63016": "more than 24 hours since the customer's last message, and no template"}),
    *_codes("account", {"63020": "payment missing"}, _PAY),
    *_codes("template", {
        "63027": "template does not exist in this language",
        "63028": "number of parameters does not match",
    }),
    *_codes("content", {"63013": "a parameter has an invalid value", "63021": "content not accepted"}),
]  # fmt: skip

# Green-API sends these words in place of a status; WhatsApp itself sends short numbers to a Baileys client.
_OTHERS = [
    *_codes("number", {"noAccount": "no WhatsApp account with this number"}),
    *_codes(
        "content", {"notInGroup": "our number is not a member of this group"}, "Join the group before you send to it"
    ),
    *_codes("retry", {"yellowCard": "rate limited: messages were reported as spam"}),
    *_codes("window", {"noActiveSession": "more than 24 hours since the customer's last message, and no template"}),
    *_codes("account", {"463": "account restricted: cannot start new chats"}, _BLOCKED, "wasender"),
    *_codes("retry", {"429": "rate limit reached"}, provider="wasender"),
]

CODES: Final[Mapping[tuple[str, str], ErrorCode]] = {
    (entry.provider, entry.code): entry for entry in (*_META, *_TWILIO, *_OTHERS)
}


def _of_classes(*classes: ErrorClass) -> tuple[str, ...]:
    return tuple(code for (_, code), entry in CODES.items() if entry.error_class in classes)


_TEMPLATES = "132"  # every code with this prefix is about templates and flows, future ones included
# Both are left out of list health, because they are no evidence about the number: WhatsApp's policy, our own mistakes.
POLICY: Final = _of_classes("policy")
OWN_FAULT: Final = (*_of_classes("window", "template"), "131042", "63020")
# Evidence against the number.
NUMBER_PROBLEM: Final = _of_classes("number")


def classify(provider: str, code: str) -> ErrorCode:
    """The entry of a failure's code; class `unknown` for a code that is not listed, `none` for ""."""
    if not code:
        return ErrorCode("", "none", "", ACTIONS["none"])
    found = CODES.get((provider, code)) or CODES.get(("", code))
    return found or ErrorCode(code, "unknown", "", ACTIONS["unknown"])


@cache
def class_sql(provider: str, code: str) -> str:
    """A ClickHouse expression of type String: the class of the code in column `code`, SQL of type String."""
    return _lookup(provider, code, {key: entry.error_class for key, entry in CODES.items()}, "unknown", "none")


@cache
def action_sql(provider: str, code: str) -> str:
    """The same for the sentence on what to do."""
    actions = {key: entry.action for key, entry in CODES.items()}
    return _lookup(provider, code, actions, ACTIONS["unknown"], ACTIONS["none"])


@cache
def title_sql(provider: str, code: str) -> str:
    """The same for a few words on what happened; "" for a code that is not listed."""
    return _lookup(provider, code, {key: entry.title for key, entry in CODES.items()}, "", "")


def policy_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` means that WhatsApp's policy stopped the message."""
    return f"{code} IN {_tuple(POLICY)}"


def own_fault_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` means a mistake of the sender, any template error included."""
    return f"({code} IN {_tuple(OWN_FAULT)} OR startsWith({code}, '{_TEMPLATES}'))"


def number_problem_sql(code: str) -> str:
    """A ClickHouse condition: the code in column `code` is evidence against the number."""
    return f"{code} IN {_tuple(NUMBER_PROBLEM)}"


def _lookup(provider: str, code: str, values: Mapping[tuple[str, str], str], unknown: str, none: str) -> str:
    """One condition for each distinct value, so that the SQL stays readable where it is shown."""
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
