"""Types of decoded JSON whose shape is not known yet: `schemas.parsing.json_values` narrows them."""

from typing import TypeAlias

Json: TypeAlias = object
JsonObject: TypeAlias = dict[str, object]
