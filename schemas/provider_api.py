"""The stable interface for providers of your own: everything that a provider module needs, from one place.

Names here keep their meaning within a major version; other modules of `schemas` may move.
"""

from schemas.authentication.request import REJECT, UNSIGNED, Request, Verdict
from schemas.authentication.secrets import matching_secret, proven, signing_secret
from schemas.authentication.static import verify
from schemas.parsing.bodies import elements_of
from schemas.parsing.identity import address, chat_id, is_group, member, phone
from schemas.parsing.jsontext import InvalidJSON, loads
from schemas.parsing.lenient import first, ident, items, mapping, text
from schemas.parsing.results import Parsed, Rejected
from schemas.parsing.times import from_any, from_epoch, from_iso
from schemas.providers.base import Provider
from schemas.reasons import Reason

__all__ = [
    "REJECT", "UNSIGNED", "InvalidJSON", "Parsed", "Provider", "Reason", "Rejected", "Request", "Verdict", "address",
    "chat_id", "elements_of", "first", "from_any", "from_epoch", "from_iso", "ident", "is_group", "items", "loads",
    "mapping", "matching_secret", "member", "phone", "proven", "signing_secret", "text", "verify",
]  # fmt: skip
