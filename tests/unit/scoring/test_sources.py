"""Sources of evidence: which have been heard of, and when they should be declared."""

import pytest

from services.scoring.core.catalogue import SOURCES
from services.scoring.core.sources import Heard, bit_of, bits_of


def test_each_source_has_a_bit_of_its_own() -> None:
    assert bits_of(SOURCES) == 2 ** len(SOURCES) - 1
    assert bits_of({"usage": 1, "feedback": 2}) == bit_of("usage") | bit_of("feedback")
    assert bits_of({}) == 0


@pytest.mark.parametrize(
    ("accounts", "of", "declared", "suggested"),
    [
        (10, 1000, None, True),
        (9, 1000, None, False),
        (2, 10, None, True),
        (1, 10, None, False),
        (0, 0, None, False),
        (10, 1000, 20_000, False),
    ],
)
def test_ten_accounts_or_a_fifth_of_them_suggest_declaring(
    accounts: int, of: int, declared: int | None, suggested: bool
) -> None:
    assert Heard("usage", declared, None, accounts, of).suggest_declaring is suggested
