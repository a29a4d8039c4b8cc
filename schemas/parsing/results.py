"""What a parser yields for one element of a body: `Parsed` or `Rejected`."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from schemas.parsing.json_types import Json
from schemas.reasons import Reason

Kind = Literal["inbound", "status", "sent", "system"]
Fields: TypeAlias = dict[str, object]  # of a canonical event, by the names of schemas.events.FIELDS


@dataclass(slots=True)
class Parsed:
    """An element that was parsed.

    `fields` has the names of `schemas.events.FIELDS`; absent facts are left out or None. `element` is the provider's
    own JSON value of the element, with the facts of the envelope that distinguish it: it identifies an event that has
    no message id.
    """

    kind: Kind
    fields: Fields
    element: Json = None


@dataclass(slots=True)
class Rejected:
    """An element, or a whole body, that could not be parsed. `detail` quotes nothing of it."""

    reason: Reason
    detail: str = ""
    element: Json = None
