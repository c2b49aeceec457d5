"""How many accounts somebody looks after is shown, and warned of; it keeps nobody from getting work."""

from typing import Any

import pytest

from services.playbooks.core.books import Books
from services.playbooks.files import read_people

PEOPLE = read_people("csms: [{id: ana, name: Ana, email: ana@example.com}, {id: sam, name: Sam, inbox: true}]", "p")


def books(*accounts: tuple[str, str | None, int], **more: Any) -> Books:
    """So many accounts of owners and models."""
    found = Books(PEOPLE)
    for owner, model, number in accounts:
        facts = {"account.owner": owner, **({"onboarding.model": model} if model is not None else {}), **more}
        for _ in range(number):
            found.add(facts)
    return found


@pytest.mark.parametrize(
    ("high", "low", "self", "percent", "warning"),
    [
        (15, 0, 0, 100, None),
        (16, 0, 0, 107, "16 accounts (16 by high touch) are 107 % of a book"),
        (0, 50, 0, 100, None),
        (0, 0, 250, 100, None),
        (0, 0, 255, 102, "255 accounts (255 by self-service) are 102 % of a book"),
        (9, 20, 25, 110, "54 accounts (9 by high touch, 20 by low touch and 25 by self-service) are 110 % of a book"),
    ],
)
def test_fifteen_by_high_fifty_by_low_touch_or_250_by_self_service_are_a_book(
    high: int, low: int, self: int, percent: int, warning: str | None
) -> None:
    found = books(("ana", "high_touch", high), ("ana", "low_touch", low), ("ana", "self", self)).of("ana")
    assert (found.percent, found.warning) == (percent, warning)


def test_an_owner_is_found_however_they_are_written_and_another_model_is_low_touch() -> None:
    found = books(("Ana <ana@example.com>", "partner_led", 2), (" ANA@example.com", None, 1), ("sam", "self", 1))
    assert found.of("ana").accounts == {"high_touch": 0, "low_touch": 3, "self": 0}
    assert found.of("sam").accounts == {"high_touch": 0, "low_touch": 0, "self": 1}


@pytest.mark.parametrize("gone", [{"account.churned": True}, {"account.excluded": "test"}])
def test_who_left_and_who_is_no_customer_is_nobodys_load(gone: dict[str, Any]) -> None:
    assert books(("ana", "self", 3), **gone).of("ana").accounts["self"] == 0


def test_of_a_part_of_all_accounts_it_is_estimated() -> None:
    assert books(("ana", "high_touch", 4)).of("ana", 0.25).accounts["high_touch"] == 16
