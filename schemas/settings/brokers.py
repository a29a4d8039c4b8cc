"""The address list of Kafka's brokers, as every client of Kafka reads `kafka.bootstrap`."""

import re
from ipaddress import IPv6Address
from typing import Any, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

DEFAULT_PORT = 9092

# host, host:port, [IPv6] or [IPv6]:port. An IPv6 address without brackets is ambiguous: ::1:9092 is an address, too.
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_ADDRESS = re.compile(
    rf"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<host>(?=.{{1,253}}(?::|$)){_LABEL}(?:\.{_LABEL})*\.?))(?::(?P<port>[0-9]{{1,5}}))?"
)


class BrokerAddress(NamedTuple):
    """One broker. An IPv6 host has no brackets here."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class BrokerList(str):
    """`host[:port][,host[:port]...]` in its full form: every port is written out, there are no spaces.

    A string, because that is what clients of Kafka take. Constructing one from malformed text raises ValueError.
    """

    addresses: tuple[BrokerAddress, ...]

    __slots__ = ("addresses",)

    def __new__(cls, text: str) -> Self:
        """The list that `text` gives. Raises ValueError with one sentence."""
        addresses = tuple(_address(part.strip()) for part in text.split(","))
        made = super().__new__(cls, ",".join(map(str, addresses)))
        made.addresses = addresses
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def _address(text: str) -> BrokerAddress:
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or DEFAULT_PORT) if found is not None else 0
    if found is None or not 1 <= port <= 65535 or (found["ipv6"] and not _is_ipv6(found["ipv6"])):
        raise ValueError(
            f"{text!r} is not the address of a broker: write host or host:port, an IPv6 address in brackets, "
            "and commas between several brokers"
        )
    return BrokerAddress(found["ipv6"] or found["host"], port)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
