"""Columns that many panels share, as `dashboards.sql` selects them. Pure."""

from typing import Final

from dashboards.panel import Column

SENT: Final = Column("sent", "Sent", role="cell")
PROVISIONAL: Final = Column("provisional", "Provisional", "mark", "mark")

# The columns of `dashboards.sql.RATES`.
RATES: Final = (
    SENT,
    Column("delivered", "Delivered", role="cell"),
    Column("delivery_rate", "Delivered / sent", "share", "cell"),
    Column("read", "Read", role="cell"),
    Column("read_rate", "Read / delivered", "share", "cell"),
    Column("failed", "Failed", role="cell"),
    Column("pending", "Pending", role="cell"),
    PROVISIONAL,
)


def text(name: str, title: str) -> Column:
    """A word in a table."""
    return Column(name, title, "text", "cell")


def count(name: str, title: str) -> Column:
    """A number in a table."""
    return Column(name, title, "count", "cell")
