"""The mapping of a source: where a body has its events, the kind of each event, and the paths of its fields.

Paths are JMESPath expressions. Unlike JSONPath, JMESPath has neither a search through all depths nor regular
expressions, so the time of an expression is bounded by its length and the body. `a || b` takes the first that exists.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from schemas.events import FIELDS, STATES, STATUSES, TYPES
from schemas.parsing.results import Kind
from schemas.settings.base import Section
from schemas.settings.problems import sentence

_OF_ALL = frozenset({"account", "occurred_at"})
_OF_MESSAGES = _OF_ALL | {"message_id", "from", "to", "chat_id", "is_group"}
_CONTENT = frozenset(
    {"type", "text", "payload", "reply_to", "target_message_id", "media_id", "media_url", "media_mime",
     "media_filename", "media_sha256", "media_count", "latitude", "longitude", "forwarded", "historical",
     "reaction_removed"}
)  # fmt: skip
_SENDER = frozenset({"participant", "sender_name", "sender_lid", "sender_bsuid", "username"})
_CAMPAIGN = frozenset({"conversation_id", "callback_data", "campaign", "template"})
_PRICE = frozenset({"pricing_category", "pricing_type", "billable"})
_ERROR = frozenset({"error_code", "error_title", "error_text"})
# The fields that a rule of each kind can fill. All others follow from these, or belong to another kind.
KIND_FIELDS: dict[Kind, frozenset[str]] = {
    "inbound": _OF_MESSAGES | _CONTENT | _SENDER | _ERROR,
    "status": _OF_MESSAGES | _CAMPAIGN | _PRICE | _ERROR | {"participant", "status", "from_me"},
    "sent": _OF_MESSAGES | _CONTENT | _CAMPAIGN | {"category"},
    "system": _OF_ALL
    | _ERROR
    | {"from", "to", "sender_lid", "sender_bsuid", "username", "event", "state", "reason_code"},
}
# The fields that an event of each kind must have.
NEEDED: dict[Kind, tuple[str, ...]] = {
    "inbound": (),
    "status": ("message_id", "status"),
    "sent": ("message_id",),
    "system": ("event",),
}


def _compiles(path: str) -> str:
    try:
        parsed = jmespath.compile(path).parsed
    except (JMESPathError, RecursionError) as error:
        hint = ": write it without `$`, such as data.message.id" if path.lstrip().startswith("$") else ""
        raise ValueError(f"not a JMESPath expression: {str(error).splitlines()[0].rstrip(':. ')}{hint}") from None
    _check_functions(parsed)
    return path


def _check_functions(node: Any) -> None:
    """Raises ValueError for an unknown function or a wrong number of arguments; JMESPath does so only at a call."""
    if isinstance(node, list):
        for each in node:
            _check_functions(each)
    elif isinstance(node, dict) and node["type"] != "literal":
        if node["type"] == "function_expression":
            signature = Functions.FUNCTION_TABLE.get(node["value"], {}).get("signature")
            if signature is None:
                raise ValueError(f"JMESPath has no function {node['value']}: correct its name")
            several = any(one.get("variadic") for one in signature)
            given, wanted = len(node["children"]), len(signature)
            if given < wanted or (given > wanted and not several):
                raise ValueError(f"the function {node['value']} takes {wanted} arguments, not {given}")
        for each in node.values():
            _check_functions(each)


Path = Annotated[str, AfterValidator(_compiles)]
Paths = dict[str, Path]


class Rule(Section):
    """How to read events of one kind. `when`: their condition; without it, all events that earlier rules left."""

    kind: Kind
    when: Path | None = None
    fields: Annotated[Paths, Field(min_length=1)]

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> Self:
        allowed = KIND_FIELDS[self.kind]
        for name in self.fields:
            if name not in allowed:
                raise ValueError(f"fields.{name}: a rule of kind {self.kind} can fill {', '.join(sorted(allowed))}")
        missing = [name for name in NEEDED[self.kind] if name not in self.fields]
        if missing:
            raise ValueError(f"fields: a rule of kind {self.kind} needs {' and '.join(missing)} too: add the path")
        return self


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in allowed:
            raise ValueError(f"{word!r} is not one of {', '.join(allowed)}")
        return word

    return check


class Values(Section):
    """Our word for each of the provider's, in upper or lower case. Words that equal ours need no entry."""

    status: dict[str, Annotated[str, AfterValidator(_one_of(STATUSES))]] = Field(default_factory=dict)
    type: dict[str, Annotated[str, AfterValidator(_one_of(TYPES))]] = Field(default_factory=dict)
    state: dict[str, Annotated[str, AfterValidator(_one_of(STATES))]] = Field(default_factory=dict)


class BodyMapping(Section):
    """The whole mapping. `events`: path of the list of events, or of the one event. `body`: paths of shared fields."""

    events: Path = "@"
    # Unit of times that are numbers; ISO 8601 texts are always read. auto: by the size of the number.
    time_unit: Literal["auto", "s", "ms", "us"] = "auto"
    body: Paths = Field(default_factory=dict)
    rules: tuple[Rule, ...]
    values: Values = Values()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.rules:
            raise ValueError("rules: the list is empty: write one rule for each kind of event")
        for name in self.body:
            if name not in FIELDS or not any(name in KIND_FIELDS[rule.kind] for rule in self.rules):
                raise ValueError(f"body.{name}: no rule is of a kind with this field: remove it or correct its name")
        for index, rule in enumerate(self.rules[:-1]):
            if rule.when is None:
                raise ValueError(
                    f"rules.{index}.when: missing, so later rules are never used: add it, or move this rule to the end"
                )
        return self


def checked(mapping: Mapping[str, object]) -> BodyMapping:
    """The validated mapping. Raises ValueError with one line for each wrong key, which starts with the key."""
    if not mapping:
        raise ValueError("mapping: missing: the provider generic needs one, which describes its bodies")
    try:
        return BodyMapping.model_validate(mapping)
    except ValidationError as error:
        raise ValueError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(problem: ErrorDetails) -> str:
    text = sentence(problem, BodyMapping)
    place = ["mapping", *map(str, problem["loc"])]
    if problem["type"] == "value_error" and (key := text.partition(": "))[1] and _is_key(key[0]):
        place, text = [*place, key[0]], key[2]
    return f"{'.'.join(place)}: {text}"


def _is_key(text: str) -> bool:
    return text.partition(".")[0] in ("fields", "body", "rules")
