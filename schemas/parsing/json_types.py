"""Types of decoded JSON of which nothing is known yet: narrow them with `schemas.parsing.json_values`."""

from typing import TypeAlias

Json: TypeAlias = object
JsonObject: TypeAlias = dict[str, object]
