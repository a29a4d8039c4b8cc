"""Sentences about settings that cannot be used: pydantic's errors in the words of the settings file."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

# By pydantic's type of the error; {names} are its context. `{given}` is the value, quoted.
_TEXTS = {
    "missing": "is missing: add it",
    "bool": "must be true or false{given}",
    "int": "must be a whole number{given}",
    "float": "must be a number{given}",
    "decimal": "must be a number{given}",
    "finite_number": "must be a finite number",
    "date": "must be a day such as 2026-10-01{given}",
    "string_type": 'must be a text: put it in quotes, key = "text"',
    "path_type": 'must be a path: put it in quotes, key = "path"',
    "tuple_type": "must be a list: put it in square brackets, key = [...]",
    "dict_type": "must be a table: write its keys below a line [name], or in braces {{ key = value }}",
    "model_type": "must be a table: write its keys below a line [name], or in braces {{ key = value }}",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}{given}",
    "greater_than_equal": "must be at least {ge}{given}",
    "greater_than": "must be more than {gt}{given}",
    "less_than_equal": "must be at most {le}{given}",
    "less_than": "must be before {lt}{given}",
    "decimal_max_digits": "may have at most {max_digits} digits",
    "decimal_whole_digits": "may have at most {whole_digits} digits before the point",
    "decimal_max_places": "may have at most {decimal_places} digits after the point",
}
_LONGEST_SHOWN = 40


def sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a value and what to do, to follow the name of its key. `model`: the settings as a whole."""
    kind = problem["type"]
    if kind == "extra_forbidden":
        return _unknown_key(str(problem["loc"][-1]), _keys(model, problem["loc"][:-1]))
    template = _TEXTS.get(kind) or _TEXTS.get(kind.partition("_")[0])
    if template is None:
        return problem["msg"].removeprefix("Value error, ")
    context = {name: _plain(value) for name, value in problem.get("ctx", {}).items()}
    return template.format(given=_shown(problem["input"]), **context)


def _unknown_key(key: str, keys: Sequence[str]) -> str:
    close = get_close_matches(key, keys, n=1)
    if close:
        return f"there is no such key: did you mean {close[0]}?"
    return f"there is no such key: remove it, or use one of {', '.join(keys)}" if keys else "there is no such key"


def _shown(value: object) -> str:
    """`, not 'abc'` for a short value; nothing for tables and lists, which may hold anything."""
    text = repr(value)
    return f", not {text}" if isinstance(value, str | int | float) and len(text) <= _LONGEST_SHOWN else ""


def _plain(bound: object) -> object:
    """A bound as it is written: 60 for 60.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _keys(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """The keys that the table at `path` may have."""
    found: type[BaseModel] | None = model
    for part in path:
        if found is None:
            return []
        fields = {field.alias or name: field for name, field in found.model_fields.items()}
        # A number is a place in a list; a name that is no key is that of a source.
        if part in fields:
            found = _model_in(fields[str(part)].annotation)
    return [] if found is None else [field.alias or name for name, field in found.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a key's value, of the values of its list, or of those of its table."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)
