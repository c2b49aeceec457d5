"""Money, which travels in minor units, as people write it. The one place that knows a currency's decimals."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_DECIMALS: Final = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Where ISO 4217 says other than 2."""
_MOST: Final = 2**63
"""What a database keeps."""
_SIGNS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "BRL": "R$"}


def decimals(currency: str) -> int:
    """How many decimals a currency has (ISO 4217)."""
    return _DECIMALS.get(currency, 2)


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


def monthly(minor: int, currency: str | None) -> str:
    """Revenue a month: `€4,200/month`."""
    return f"{money(minor, currency)}/month"


def minor(amount: str, currency: str) -> int:
    """An amount in the currency's main unit, as a person wrote it, in minor units. Raises `ValueError`."""
    try:
        exact = Decimal(amount).scaleb(decimals(currency))
        if abs(exact) < _MOST:
            return int(exact.to_integral_value(ROUND_HALF_UP))
    except ArithmeticError:
        pass
    raise ValueError(f"{amount!r} is no amount of money; write one such as 4200 or 99.50.")
