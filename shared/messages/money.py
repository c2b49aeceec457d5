"""Money, which travels in minor units, as people write it. The one place that knows a currency's decimals."""

from typing import Final

_NO_MINOR_UNITS: Final = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
_THREE_DIGITS: Final = frozenset("BHD IQD JOD KWD LYD OMR TND".split())  # noqa: SIM905
_SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "BRL": "R$"}


def decimals(currency: str) -> int:
    """How many decimals a currency has (ISO 4217)."""
    return 0 if currency in _NO_MINOR_UNITS else 3 if currency in _THREE_DIGITS else 2


def money(minor: int, currency: str | None) -> str:
    """Minor units as `€4,200`, `¥420,000`, `CHF 99.50`."""
    code = currency or ""
    digits = decimals(code)
    whole, rest = divmod(abs(minor), 10**digits)
    amount = f"{whole:,}" + (f".{rest:0{digits}d}" if rest else "")
    sign = "−" if minor < 0 else ""
    if code in _SIGNS:
        return f"{sign}{_SIGNS[code]}{amount}"
    return f"{sign}{code} {amount}" if code else f"{sign}{amount}"
