import pytest

from shared.messages.money import money


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
    ],
)
def test_money_is_said_in_its_own_currency(minor: int, currency: str | None, said: str) -> None:
    assert money(minor, currency) == said
