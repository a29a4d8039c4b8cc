"""Customers and campaigns: invented phones, names, texts, templates.

Phones are of ranges reserved for fiction (+1 xxx 555 01xx, +44 7700 900xxx) or unassigned (+55 11 90000 xxxx).
"""

from dataclasses import dataclass
from random import Random

_AREAS = (201, 212, 303, 312, 404, 415, 503, 512, 602, 617, 702, 713, 808, 907)
_NAMES = ("Ana", "João", "Zoë", "Marina", "Łukasz", "Chloé", "Davi", "Noor", "Иван", "美咲", "Emília", "Bjørn")
TEXTS = (
    "Bom dia! O pedido {0} já saiu?", "Hello, where is parcel {0}?", "Obrigada 😊 {0}", "¿Cuánto cuesta? {0}",
    "ok {0}", "Não quero mais receber {0}", "تمام {0}", "再配達をお願いします {0}", "see https://example.com/a?b={0}&c=\"d\"",
)  # fmt: skip
EMOJI = ("👍", "❤️", "😂", "🙏")


@dataclass(slots=True, frozen=True)
class Campaign:
    """The campaign fields of a sent record; empty ones are not in the record."""

    template: str
    name: str
    category: str


CAMPAIGNS = {
    "meta": (
        Campaign("order_shipped", "orders", "utility"), Campaign("login_code", "security", "authentication"),
        Campaign("black_friday", "november", "marketing"), Campaign("cart_reminder", "november", "marketing"),
        Campaign("black_friday", "vip-preview", "marketing"), Campaign("", "", ""),
    ),
    "wasender": (Campaign("", "newsletter", "marketing"), Campaign("", "support", "utility"), Campaign("", "", "")),
    "zapini": (Campaign("cobranca", "billing", "utility"), Campaign("aniversario", "crm", "marketing")),
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Person:
    """`digits`: the phone; `old_digits`: the same without Brazil's ninth digit, a spelling that providers also use."""

    digits: str
    old_digits: str
    lid: str
    bsuid: str
    name: str


def person(rng: Random) -> Person:
    """A new or known customer (the ranges are small). Never a number of the business itself."""
    country = rng.choice(("BR", "BR", "US", "GB"))
    if country == "BR":
        tail = f"{rng.randrange(10_000):04d}"
        digits, old = f"55119{'0000'}{tail}", f"5511{'0000'}{tail}"
    elif country == "US":
        digits = old = f"1{rng.choice(_AREAS)}55501{rng.randrange(90):02d}"
    else:
        digits = old = f"447700900{rng.randrange(900):03d}"
    lid = str(9 * 10**13 + int(digits) * 7 % 10**13)
    return Person(digits, old, lid, f"{country}.{int(digits) * 31}", rng.choice(_NAMES))
