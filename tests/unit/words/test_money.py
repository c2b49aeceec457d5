import pytest

from shared.words import minor, money


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [
        (420_000, "EUR", "€4,200"),
        (420_050, "EUR", "€4,200.50"),
        (5, "USD", "$0.05"),
        (420_000, "JPY", "¥420,000"),
        (1_234_500, "KWD", "KWD 1,234.500"),
        (9_900, "CHF", "CHF 99"),
        (-9_950, "GBP", "−£99.50"),
        (0, "EUR", "€0"),
        (1_200, None, "12"),
        (12_500, "CLF", "CLF 1.2500"),
        (10**30, "XAF", "XAF 1,000,000,000,000,000,000,000,000,000,000"),
    ],
)
def test_money_is_said_in_its_own_currency(minor: int, currency: str | None, said: str) -> None:
    assert money(minor, currency) == said


@pytest.mark.parametrize(
    ("amount", "currency", "kept"),
    [
        ("4200", "EUR", 420_000),
        ("0.29", "USD", 29),
        ("1.005", "EUR", 101),
        ("1250", "JPY", 1_250),
        ("1.5", "KWD", 1_500),
    ],
)
def test_an_amount_is_kept_in_minor_units_exactly(amount: str, currency: str, kept: int) -> None:
    assert minor(amount, currency) == kept


@pytest.mark.parametrize("amount", ["", "much", "nan", "inf", "-inf", "1,5", "\ud800", "1e999999999", "1e19", "snan"])
def test_what_is_no_amount_is_said_to_be_none(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        minor(amount, "EUR")
