"""Table columns that many panels share."""

from typing import Final

from dashboards.panel import Column


def text(name: str, title: str) -> Column:
    """Text in a table."""
    return Column(name, title, "text", "cell")


def count(name: str, title: str) -> Column:
    """A whole number in a table."""
    return Column(name, title, "count", "cell")


def share(name: str, title: str) -> Column:
    """A share of 0..1 in a table, shown in per cent."""
    return Column(name, title, "share", "cell")


def time(name: str, title: str) -> Column:
    """A point in time in a table."""
    return Column(name, title, "time", "cell")


def milliseconds(name: str, title: str) -> Column:
    """A duration in ms in a table."""
    return Column(name, title, "ms", "cell")


def seconds(name: str, title: str) -> Column:
    """A duration in seconds in a table."""
    return Column(name, title, "seconds", "cell")


def money(name: str, title: str) -> Column:
    """An amount in the currency of the rate card in a table."""
    return Column(name, title, "money", "cell")


def phone(name: str, title: str) -> Column:
    """A phone number, or another id of a person, in a table."""
    return Column(name, title, "phone", "cell")


SOURCE: Final = text("source", "Source")
SENDER: Final = text("account", "Sender number")
TEMPLATE: Final = text("template", "Template")
CAMPAIGN: Final = text("campaign", "Campaign")
COUNTRY: Final = text("country", "Country")
CATEGORY: Final = text("category", "Category")
SENT: Final = count("sent", "Sent")
PROVISIONAL: Final = Column("provisional", "Provisional", "mark", "mark")

# The columns that `dashboards.sql.RATES` selects.
RATES: Final = (
    SENT,
    count("delivered", "Delivered"),
    share("delivery_rate", "Delivered / sent"),
    count("read", "Read"),
    share("read_rate", "Read / delivered"),
    count("failed", "Failed"),
    count("pending", "Pending"),
    PROVISIONAL,
)
