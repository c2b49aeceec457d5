import pytest

from services.scoring.core.worth import Worth, years_of


def test_a_lifetime_value_is_the_published_product() -> None:
    assert Worth(200, 12, 5).clv_minor == 12_000
    assert Worth(9_999.5, 1, 1).clv_minor == 10_000
    assert Worth(9_999.4, 1, 1).clv_minor == 9_999


def test_without_an_input_there_is_no_value() -> None:
    assert Worth(200, 12, None).clv_minor is None
    assert Worth(None, 12, 5).clv_minor is None


def test_customers_stay_one_by_the_rate_at_which_they_leave() -> None:
    assert years_of(100, 1_000, 365) == pytest.approx(10, rel=0.001)
    assert years_of(100, 1_000, 30) == pytest.approx(0.82, rel=0.01)
    assert years_of(0, 1_000, 365) is None
