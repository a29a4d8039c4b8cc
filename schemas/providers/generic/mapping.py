"""A provider's format told in the settings: where its events are, of which kind each is, where its facts are. Pure.

Paths are JMESPath expressions. Other than JSONPath it has neither a search through all depths nor regular expressions,
so the time of one is bounded by the body and by what the operator wrote; `a || b` takes the first that is there.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator, Field, ValidationError, model_validator

from schemas.events import FIELDS, STATES, STATUSES, TYPES
from schemas.parsing.results import Kind
from schemas.settings.section import Section

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
# What a rule of each kind may fill; the rest of an event is not its own or follows from what is.
KIND_FIELDS: dict[Kind, frozenset[str]] = {
    "inbound": _OF_MESSAGES | _CONTENT | _SENDER | _ERROR,
    "status": _OF_MESSAGES | _CAMPAIGN | _PRICE | _ERROR | {"participant", "status", "from_me"},
    "sent": _OF_MESSAGES | _CONTENT | _CAMPAIGN | {"category"},
    "system": _OF_ALL | _ERROR | {"event", "state", "reason_code"},
}
# Without these an event of the kind says nothing.
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
        raise ValueError(f"no JMESPath expression: {str(error).splitlines()[0].rstrip(':. ')}{hint}") from None
    _check_functions(parsed)
    return path


def _check_functions(node: Any) -> None:
    """JMESPath itself looks a function up when it is called: too late to say that its name is misspelt."""
    if isinstance(node, list):
        for each in node:
            _check_functions(each)
    elif isinstance(node, dict) and node["type"] != "literal":
        if node["type"] == "function_expression":
            signature = Functions.FUNCTION_TABLE.get(node["value"], {}).get("signature")
            if signature is None:
                raise ValueError(f"JMESPath has no function {node['value']}: mend its spelling")
            several = any(one.get("variadic") for one in signature)
            given, wanted = len(node["children"]), len(signature)
            if given < wanted or (given > wanted and not several):
                raise ValueError(f"the function {node['value']} takes {wanted} arguments, not {given}")
        for each in node.values():
            _check_functions(each)


Path = Annotated[str, AfterValidator(_compiles)]
Paths = dict[str, Path]


class Rule(Section):
    """Events of one kind: which they are (`when`; without it all that no rule before took), where their facts are."""

    kind: Kind
    when: Path | None = None
    fields: Annotated[Paths, Field(min_length=1)]

    @model_validator(mode="after")
    def _fields_of_the_kind(self) -> Self:
        allowed = KIND_FIELDS[self.kind]
        for name in self.fields:
            if name not in allowed:
                raise ValueError(f"fields.{name}: a rule of {self.kind} fills {', '.join(sorted(allowed))}")
        missing = [name for name in NEEDED[self.kind] if name not in self.fields]
        if missing:
            raise ValueError(f"fields: a rule of {self.kind} needs {' and '.join(missing)} too: say where it is")
        return self


def _one_of(ours: tuple[str, ...]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in ours:
            raise ValueError(f"{word!r} is none of {', '.join(ours)}")
        return word

    return check


class Values(Section):
    """The provider's words, in any case, for ours; our own words need no entry."""

    status: dict[str, Annotated[str, AfterValidator(_one_of(STATUSES))]] = Field(default_factory=dict)
    type: dict[str, Annotated[str, AfterValidator(_one_of(TYPES))]] = Field(default_factory=dict)
    state: dict[str, Annotated[str, AfterValidator(_one_of(STATES))]] = Field(default_factory=dict)


class BodyMapping(Section):
    """`events`: the list of events in the body, or the one. `body`: facts that the body tells once for all of them."""

    events: Path = "@"
    # Of numbers; ISO texts are read whatever is said here. auto: told by their size.
    time_unit: Literal["auto", "s", "ms", "us"] = "auto"
    body: Paths = Field(default_factory=dict)
    rules: tuple[Rule, ...]
    values: Values = Values()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.rules:
            raise ValueError("rules: there are none: write one for each kind of event")
        for name in self.body:
            if name not in FIELDS or not any(name in KIND_FIELDS[rule.kind] for rule in self.rules):
                raise ValueError(f"body.{name}: no rule's kind has such a field: remove it or mend its spelling")
        for index, rule in enumerate(self.rules[:-1]):
            if rule.when is None:
                raise ValueError(f"rules.{index}.when: missing, so no later rule is asked: give it, or put it last")
        return self


def checked(mapping: Mapping[str, Any]) -> BodyMapping:
    """The mapping of the settings. Raises ValueError: one line for each wrong key, which begins with the key."""
    if not mapping:
        raise ValueError("mapping: missing: the provider generic needs one, which says how to read its bodies")
    try:
        return BodyMapping.model_validate(mapping)
    except ValidationError as error:
        raise ValueError("\n".join(map(_sentence, error.errors()))) from None


def _sentence(problem: Any) -> str:
    text = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "there is no such key: remove it or mend its spelling"
    place = ["mapping", *map(str, problem["loc"])]
    if problem["type"] == "value_error" and (key := text.partition(": "))[1] and _is_key(key[0]):
        place, text = [*place, key[0]], key[2]
    return f"{'.'.join(place)}: {text}"


def _is_key(text: str) -> bool:
    return text.partition(".")[0] in ("fields", "body", "rules")
