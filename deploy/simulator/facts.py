"""Facts that a provider reports, the HTTP requests that report them, and the ids and random numbers of a run."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from typing import Literal, TypedDict

from deploy.simulator.people import Person
from schemas.parsing.json_types import JsonObject

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Kind = Literal["inbound", "status", "sent", "system"]


class Details(TypedDict, total=False):
    """What the body of a fact contains besides its identity."""

    who: Person  # the customer
    spelled: str  # the customer's phone as this body spells it
    account: str  # phone number id or instance of the business
    event: str  # the provider's event name
    provider_type: str  # the message type in the provider's vocabulary
    type: str  # and in ours
    text: str
    emoji: str
    target: str  # id of the message that a reaction or an edit refers to
    anonymous: bool  # the body has no phone number
    by_lid: bool  # the chat is named by the customer's LID
    member_by_lid: bool
    form: int  # which of a provider's forms the body has
    echo_form: int
    burst: int  # statuses of one number are reported in one body
    group: str
    historical: bool
    history_status: str
    with_message: bool  # a status that a backfill reports inside its message
    code: str  # error code and title of a failure
    title: str
    from_me: bool
    pricing: str
    callback: str
    template: str
    campaign: str
    category: str
    to: str
    extra: JsonObject  # fields that no provider documents yet


@dataclass(slots=True, frozen=True)
class Fact:
    """One report of a provider or of the user's own send API. Times are ms UTC.

    `at` None: the body contains no time. `arrival` orders the requests and is in no body. `details` are not part of the
    identity.
    """

    kind: Kind
    source: str
    at: int | None
    arrival: int
    message_id: str = ""
    participant: str = ""
    status: str = ""
    origin: str = ""
    own: bool = False  # a status of from_me = false: our side read the customer's message
    serial: int = 0  # distinguishes facts without a message id
    details: Details = field(default_factory=Details, compare=False, hash=False)

    @property
    def identity(self) -> tuple[object, ...]:
        """Facts of equal identity are one event: the ids alone, for a status also its name and the provider's time."""
        if not self.message_id:
            return (self.source, self.kind, self.serial)
        if self.kind == "status":
            return (self.source, "status", self.message_id, self.participant, self.status, self.at, self.own)
        return (self.source, self.kind, self.message_id, self.origin)

    def repeated(self, arrival: int) -> "Fact":
        """The same fact with another time of arrival."""
        return replace(self, arrival=arrival)


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request, the facts that it reports, and the answer that the contract demands.

    `dead_letters`: the reasons of those that it must cause. `refused`: indices of the sent records to be refused.
    """

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    arrival: int
    facts: tuple[Fact, ...] = ()
    dead_letters: tuple[str, ...] = ()
    expected_status: int = 200
    refused: tuple[int, ...] = ()
    method: str = "POST"

    @property
    def source(self) -> str:
        """The source in the path."""
        return self.path.partition("?")[0].rpartition("/")[2]


@dataclass(slots=True, frozen=True)
class Answer:
    """The answer to a request. `problem`: how it differs from the contract; `tries`: how often it was posted."""

    request: Request
    status: int
    request_id: str
    tries: int
    problem: str = ""


@dataclass(slots=True, frozen=True)
class Account:
    """One configured source from its provider's side. Empty `secret` or `token`: none is configured.

    From `rotates_at` (ms, the provider's clock) on the provider uses `next_secret`.
    """

    provider: str
    source: str
    secret: str
    token: str
    verify_token: str = ""
    next_secret: str = ""
    rotates_at: int | None = None

    def secret_at(self, moment: int) -> str:
        """The secret of a body that is posted at this moment."""
        return self.secret if self.rotates_at is None or moment < self.rotates_at else self.next_secret


class Ids:
    """Message ids in each provider's form. All ids of a run have its prefixes, so that tables can be filtered by it."""

    def __init__(self, run: str) -> None:
        digest = blake2b(run.encode(), digest_size=6).hexdigest()
        self._hex = digest[:8].upper()
        # 12 bytes are 16 characters of base64 without padding, so the run is a prefix of the encoded text too.
        self._wamid = "wamid." + b64encode(b"\x1d\x01" + bytes.fromhex(digest) + b"DEMO").decode()
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def meta(self) -> str:
        """A new id of the Cloud API."""
        return self._wamid + b64encode(self._next().to_bytes(6)).decode()

    def wasender(self) -> str:
        """A new id of Baileys."""
        return f"3EB0{self._hex}{self._next():08X}"

    def zapini(self) -> str:
        """A new id of Zapini: a UUID."""
        return f"{self._hex.lower()}-de00-4000-8000-{self._next():012x}"

    def serial(self) -> int:
        """A new number, from the same sequence as the ids."""
        return self._next()

    @property
    def prefixes(self) -> tuple[str, str, str]:
        """Every message id of this run starts with one of these."""
        return self._wamid, f"3EB0{self._hex}", f"{self._hex.lower()}-de00-"

    @property
    def run_tag(self) -> str:
        """A short text that differs from that of any other run, for ids and message texts."""
        return self._hex


def run_name(*inputs: object) -> str:
    """The run's id: a hash of `inputs`, which must be everything that decides the bodies. Two runs share no id."""
    return blake2b(" ".join(map(str, inputs)).encode(), digest_size=5).hexdigest()


def seeded_rng(seed: int, now: int, run: str) -> Random:
    """The run's only source of random numbers."""
    return Random(f"{seed} {now} {run}")  # noqa: S311  (a simulation, not a secret)


def with_bearer(account: Account, body: bytes, arrival: int, facts: tuple[Fact, ...] = ()) -> Request:
    """A POST of a provider that signs nothing: a bearer token in a header of the user's choice, if there is one."""
    headers = [("Content-Type", "application/json")]
    if secret := account.secret_at(arrival):
        headers.append(("Authorization", f"Bearer {secret}"))
    return Request(f"/webhooks/{account.source}", body, tuple(headers), arrival, facts=facts)
