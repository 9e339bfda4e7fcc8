"""Money in minor units. Never a float."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

# Digits of the minor unit, by currency, where they are not two. They are those of the payment provider, which goes on
# writing a few currencies with two (ISK, UGX): https://docs.stripe.com/currencies
_NONE = ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
_THREE = ("bhd", "jod", "kwd", "omr", "tnd")
_DIGITS = {**dict.fromkeys(_NONE, 0), **dict.fromkeys(_THREE, 3)}


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount of ``currency`` (ISO 4217, lower case as Stripe writes it) in minor units (分, cents)."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError("an amount of money is an integer in minor units")

    @property
    def major(self) -> str:
        """The exact amount in major units: 1250 fen are ``12.50``, 1250 yen are ``1250``."""
        return str(Decimal(self.amount).scaleb(-_DIGITS.get(self.currency, 2)))

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other), self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError("two currencies")
        return other.amount
