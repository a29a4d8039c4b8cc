"""Traffic of the demo for its tests: three accounts with invented secrets and a fixed start."""

from deploy.demo.facts import Account, Accounts
from deploy.demo.traffic import Traffic, plan

NOW = 1_795_310_000_000
MIB = 1024 * 1024
ACCOUNTS = Accounts(
    Account("demo-meta", "meta-secret", "meta-token", "meta-verify"),
    Account("demo-wasender", "wasender-secret", "wasender-token"),
    Account("demo-zapini", "zapini-secret", "zapini-token"),
)


def make(messages: int = 3000, seed: int = 7, run: str = "fixed", accounts: Accounts = ACCOUNTS) -> Traffic:
    return plan(accounts, messages, seed, NOW, run, 4 * MIB)
