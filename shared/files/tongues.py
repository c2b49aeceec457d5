"""Dates, numbers and money as they are written in a language, by Unicode's CLDR."""

from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_decimal

from shared.words import decimals, zone

_ELSE: Final = "en"


class Tongue(NamedTuple):
    """A language, such as `de` or `pt-BR`, and the time zone in which days are counted."""

    language: str
    time_zone: str = "UTC"

    def date(self, at: datetime) -> str:
        """`2. März 2026`, `March 2, 2026`, `2026年3月2日`."""
        return format_date(at.astimezone(zone(self.time_zone)), format="long", locale=_locale(self.language))

    def number(self, value: float) -> str:
        """`1.200`, `1,200`, `2,5`."""
        return format_decimal(value, locale=_locale(self.language))

    def money(self, minor: int, currency: str) -> str:
        """Minor units of an ISO 4217 currency: `4.200,00 €`, `€4,200.00`."""
        locale, digits = _locale(self.language), decimals(currency)
        # Unicode's decimals of a currency are those of shop prices, and not always those of its minor units.
        pattern = copy(locale.currency_formats["standard"])
        pattern.frac_prec = (digits, digits)
        return str(pattern.apply(Decimal(minor).scaleb(-digits), locale, currency=currency, currency_digits=False))


@lru_cache(maxsize=64)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_ELSE)
