"""The demo's traffic for tests: three accounts with invented secrets and a fixed start."""

from deploy.simulator.facts import Account
from deploy.simulator.traffic import Traffic, generate
from tests.deploy.simulator.web_server import MIB

NOW = 1_795_310_000_000
ACCOUNTS = (
    Account("meta", "demo-meta", "meta-secret", "meta-token", "meta-verify"),
    Account("wasender", "demo-wasender", "wasender-secret", "wasender-token"),
    Account("zapini", "demo-zapini", "zapini-secret", "zapini-token"),
)


def demo_traffic(
    messages: int = 3000, seed: int = 7, run: str = "fixed", accounts: tuple[Account, ...] = ACCOUNTS
) -> Traffic:
    """About `messages` messages of the demo."""
    return generate(accounts, messages, seed, NOW, run, 4 * MIB)
