"""Any provider that nobody has written yet: its format stands in its source's settings, as `mapping`. Pure.

`secrets` of such a source are looked for in every header and in the address's query; other proofs are asked for by
`auth`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.results import Rejected
from schemas.providers.base import Provider
from schemas.reasons import Reason


def parse(body: bytes) -> Elements:
    """A dead letter for a body whose source has no mapping any more: it is retried once there is one. Never raises."""
    return elements_of(body, lambda root: [Rejected(Reason.UNKNOWN_SHAPE, "its source has no mapping", root)])


def configured(mapping: Mapping[str, Any]) -> Provider:
    """The provider that the mapping tells. Raises ValueError that names the wrong keys."""
    # Imported with the first mapping: nothing else needs JMESPath.
    from schemas.providers.generic.mapping import checked
    from schemas.providers.generic.reader import Reader

    return replace(PROVIDER, parse=Reader(checked(mapping)).parse)


PROVIDER = Provider(name="generic", verify=verify_static_secret, parse=parse, signed=False, configured=configured)
