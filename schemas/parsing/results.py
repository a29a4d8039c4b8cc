"""What a parser yields for one element of a body: `Parsed` or `Rejected`."""

from dataclasses import dataclass
from typing import Any, Literal

from schemas.reasons import Reason

Kind = Literal["inbound", "status", "sent", "system"]


@dataclass(slots=True)
class Parsed:
    """One element understood. `fields` uses the names of FIELDS; absent facts are left out or None.

    `element` is the provider's own JSON value of it (with the envelope facts that tell it apart), which identifies
    events that have no message id.
    """

    kind: Kind
    fields: dict[str, Any]
    element: Any = None


@dataclass(slots=True)
class Rejected:
    """One element, or a whole body, that could not be understood. `detail` holds no content of it."""

    reason: Reason
    detail: str = ""
    element: Any = None
