"""How each simulated provider reports: resolution of its clock, form of its ids, accounts, failures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploy.simulator.facts import SECOND, Account, Ids
from deploy.simulator.people import CAMPAIGNS, Campaign

NO_ERROR = ("", "")


@dataclass(slots=True, frozen=True)
class Profile:
    """One source. `resolution`: that of the provider's clock, ms."""

    provider: str
    source: str
    new_id: Callable[[], str]
    campaigns: tuple[Campaign, ...]
    resolution: int
    accounts: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]  # (code, title)
    reports_pending: bool

    @property
    def cloud(self) -> bool:
        """Whether the bodies are those of Meta's Cloud API."""
        return self.provider in ("meta", "360dialog")


META_FAILURES = (
    ("131026", "Message undeliverable"), ("131026", "Message undeliverable"),
    ("131049", "This message was not delivered to maintain healthy ecosystem engagement."),
    ("130472", "User's number is part of an experiment"), ("131047", "Re-engagement message"),
    ("131053", "Media upload error"), ("131000", "Something went wrong"), ("999123", "A code of tomorrow"),
)  # fmt: skip


def profiles(accounts: Iterable[Account], ids: Ids) -> dict[str, Profile]:
    """The profile of each source. KeyError for a provider that is not simulated."""
    return {account.source: _PROFILES[account.provider](account, ids) for account in accounts}


def _cloud(account: Account, ids: Ids) -> Profile:
    """Meta, and 360dialog, which passes Meta's bodies on."""
    return Profile(
        account.provider, account.source, ids.meta, CAMPAIGNS["meta"], SECOND,
        ("700600500400301", "700600500400302", "700600500400303"), META_FAILURES, reports_pending=False,
    )  # fmt: skip


def _wasender(account: Account, ids: Ids) -> Profile:
    return Profile(
        "wasender", account.source, ids.wasender, CAMPAIGNS["wasender"], 1, ("",), (NO_ERROR,), reports_pending=True
    )


def _evolution(account: Account, ids: Ids) -> Profile:
    """Baileys' ids and statuses, as at WasenderApi; an instance has a name."""
    return Profile(
        "evolution", account.source, ids.wasender, CAMPAIGNS["wasender"], SECOND, ("loja", "suporte"), (NO_ERROR,),
        reports_pending=True,
    )  # fmt: skip


def _zapini(account: Account, ids: Ids) -> Profile:
    return Profile(
        "zapini", account.source, ids.zapini, CAMPAIGNS["zapini"], SECOND,
        ("7d1f3c52-8b0e-4a57-9c1e-2f6a0b9d4e11", "777"), (("invalid_number", "Invalid number"), NO_ERROR),
        reports_pending=True,
    )  # fmt: skip


_PROFILES: dict[str, Callable[[Account, Ids], Profile]] = {
    "meta": _cloud, "360dialog": _cloud, "wasender": _wasender, "evolution": _evolution, "zapini": _zapini,
}  # fmt: skip
PROVIDERS = tuple(_PROFILES)  # those that are simulated
