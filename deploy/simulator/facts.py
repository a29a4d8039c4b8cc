"""What happens in the simulated world and how it is posted: facts, requests, ids. Pure."""

from base64 import b64encode
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from typing import Any, Literal

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Kind = Literal["inbound", "status", "sent", "system"]


@dataclass(slots=True, frozen=True)
class Fact:
    """One thing that a provider, or the user's own send API, tells once. Times are ms UTC.

    `at` None = told without a time. `arrival` orders the posting and is told to nobody. `told` holds what the wire form
    needs besides (recipient, account, text, ...); it takes no part in the identity.
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
    serial: int = 0  # tells facts without a message id apart
    told: dict[str, Any] = field(default_factory=dict, compare=False, hash=False)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Arrivals with one identity are one event: ids alone, and for a status its word and the provider's time."""
        if not self.message_id:
            return (self.source, self.kind, self.serial)
        if self.kind == "status":
            return (self.source, "status", self.message_id, self.participant, self.status, self.at, self.own)
        return (self.source, self.kind, self.message_id, self.origin)

    def again(self, arrival: int) -> "Fact":
        """The same fact, arriving once more."""
        return replace(self, arrival=arrival)


@dataclass(slots=True, frozen=True)
class Request:
    """One HTTP request, what it tells, and the answer that the contract demands.

    `dead` = reasons of the dead letters it must leave; `refused` = indices of the sent records that must be refused.
    """

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    arrival: int
    facts: tuple[Fact, ...] = ()
    dead: tuple[str, ...] = ()
    answer: int = 200
    refused: tuple[int, ...] = ()
    method: str = "POST"

    @property
    def source(self) -> str:
        """The source that is posted to."""
        return self.path.partition("?")[0].rpartition("/")[2]


@dataclass(slots=True, frozen=True)
class Answer:
    """How a request was answered. `problem` says what differs from the contract; `tries` counts repetitions."""

    request: Request
    status: int
    request_id: str
    tries: int
    problem: str = ""


@dataclass(slots=True, frozen=True)
class Account:
    """One configured source as its provider sees it. Empty `secret` or `token` = none configured.

    From `rotates_at` (ms, the provider's clock) on the provider proves itself with `next_secret`.
    """

    provider: str
    source: str
    secret: str
    token: str
    verify_token: str = ""
    next_secret: str = ""
    rotates_at: int | None = None

    def secret_at(self, moment: int) -> str:
        """What a body posted at this moment is proven with."""
        return self.secret if self.rotates_at is None or moment < self.rotates_at else self.next_secret


class Ids:
    """Message ids in each provider's shape. All of a run start alike, so that tables can be asked for it alone."""

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
        return self._wamid + b64encode(self._next().to_bytes(6)).decode()

    def wasender(self) -> str:
        return f"3EB0{self._hex}{self._next():08X}"

    def zapini(self) -> str:
        return f"{self._hex.lower()}-de00-4000-8000-{self._next():012x}"

    def serial(self) -> int:
        return self._next()

    @property
    def prefixes(self) -> tuple[str, str, str]:
        """What every message id of this run starts with."""
        return self._wamid, f"3EB0{self._hex}", f"{self._hex.lower()}-de00-"

    @property
    def mark(self) -> str:
        """A short word of this run, for ids and texts that must differ from those of any other run."""
        return self._hex


def run_name(*words: object) -> str:
    """The run's id: same words, same id. They have to be all that decides the bodies: ids of two runs must not meet."""
    return blake2b(" ".join(map(str, words)).encode(), digest_size=5).hexdigest()


def dice(seed: int, now: int, run: str) -> Random:
    """The run's only source of chance."""
    return Random(f"{seed} {now} {run}")  # noqa: S311  (a simulation, not a secret)


def with_bearer(account: Account, body: bytes, arrival: int, **more: Any) -> Request:
    """A POST to a source whose provider signs nothing: the header that the user gave it, where there is a secret."""
    headers = [("Content-Type", "application/json")]
    if secret := account.secret_at(arrival):
        headers.append(("Authorization", f"Bearer {secret}"))
    return Request(f"/webhooks/{account.source}", body, tuple(headers), arrival, **more)
