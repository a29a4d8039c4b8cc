"""Who writes and what: invented phones, names, texts, templates. Pure.

Phones are of ranges kept for fiction (+1 xxx 555 01xx, +44 7700 900xxx) or of none that exists (+55 11 90000 xxxx).
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
class Plan:
    """One campaign's way of sending."""

    template: str
    campaign: str
    category: str


PLANS = {
    "meta": (
        Plan("order_shipped", "orders", "utility"), Plan("login_code", "security", "authentication"),
        Plan("black_friday", "november", "marketing"), Plan("cart_reminder", "november", "marketing"),
        Plan("black_friday", "vip-preview", "marketing"), Plan("", "", ""),
    ),
    "wasender": (Plan("", "newsletter", "marketing"), Plan("", "support", "utility"), Plan("", "", "")),
    "zapini": (Plan("cobranca", "billing", "utility"), Plan("aniversario", "crm", "marketing")),
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Person:
    """`digits` is the phone; `old_digits` the spelling without Brazil's ninth digit, which providers use too."""

    digits: str
    old_digits: str
    lid: str
    bsuid: str
    name: str


def person(dice: Random) -> Person:
    """Somebody new, or met before: the ranges are small. None of them is a number of the business itself."""
    country = dice.choice(("BR", "BR", "US", "GB"))
    if country == "BR":
        tail = f"{dice.randrange(10_000):04d}"
        digits, old = f"55119{'0000'}{tail}", f"5511{'0000'}{tail}"
    elif country == "US":
        digits = old = f"1{dice.choice(_AREAS)}55501{dice.randrange(90):02d}"
    else:
        digits = old = f"447700900{dice.randrange(900):03d}"
    lid = str(9 * 10**13 + int(digits) * 7 % 10**13)
    return Person(digits, old, lid, f"{country}.{int(digits) * 31}", dice.choice(_NAMES))
