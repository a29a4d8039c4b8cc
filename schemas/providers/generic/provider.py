"""Any provider without a module of its own: the `mapping` in its source's settings describes its bodies.

A request has to contain one of the source's `secrets` in a header or in the query; `auth` can require other proofs.
"""

from collections.abc import Mapping
from dataclasses import replace

from schemas.authentication.static_secret import verify_static_secret
from schemas.parsing.bodies import Elements, elements_of
from schemas.parsing.results import Rejected
from schemas.providers.base import Provider
from schemas.reasons import Reason


def parse(body: bytes) -> Elements:
    """One rejection: the source has no mapping any more. A retry reads the body once there is one. Never raises."""
    return elements_of(body, lambda root: [Rejected(Reason.UNKNOWN_SHAPE, "its source has no mapping", root)])


def configured(mapping: Mapping[str, object]) -> Provider:
    """The provider that reads bodies by this mapping. Raises ValueError that names the wrong keys."""
    # Imported with the first mapping, because nothing else needs JMESPath.
    from schemas.providers.generic.mapping import checked
    from schemas.providers.generic.reader import Reader

    return replace(PROVIDER, parse=Reader(checked(mapping)).parse)


PROVIDER = Provider(name="generic", verify=verify_static_secret, parse=parse, signed=False, configured=configured)
