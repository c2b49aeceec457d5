"""How many accounts somebody looks after is shown, and warned of; it keeps nobody from getting work."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.books import Books, Moved, booking, carried, promised, rebook
from services.playbooks.core.standing import Booking, Standing, standing
from services.playbooks.files import read_people
from tests.support.playbooks import DAY, HOUR, MONDAY, an_assessment

PEOPLE = read_people("csms: [{id: ana, name: Ana, email: ana@example.com}, {id: sam, name: Sam, inbox: true}]", "p")
RATES = {"EUR": Fraction(1), "USD": Fraction(9, 10)}


def stands(owner: str | None = "ana", model: str | None = None, **facts: Any) -> Standing:
    known = {"account.owner": owner, "onboarding.model": model, **facts}
    return standing("northwind", an_assessment(1, MONDAY, known))


def books(*accounts: tuple[str, str, int], rates: dict[str, Fraction] = RATES) -> Books:
    """So many accounts of owners and models, each of €10 a month."""
    return Books(
        PEOPLE, [Moved(owner, touch, "EUR", number, 1_000 * number) for owner, touch, number in accounts], rates
    )


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


def test_an_owner_is_found_however_they_are_written() -> None:
    found = books(("Ana <ana@example.com>", "low_touch", 2), (" ANA@example.com", "low_touch", 1), ("sam", "self", 1))
    assert found.of("ana").accounts == {"high_touch": 0, "low_touch": 3, "self": 0}
    assert found.of("sam").accounts == {"high_touch": 0, "low_touch": 0, "self": 1}
    assert found.of("ana").mrr_minor == {"EUR": 3_000}


def test_another_model_is_low_touch() -> None:
    assert booking(stands(model="partner_led")) == Booking("ana", "low_touch", "", 0)


@pytest.mark.parametrize("gone", [{"account.churned": True}, {"account.excluded": "test"}])
def test_who_left_and_who_is_no_customer_is_nobodys_load(gone: dict[str, Any]) -> None:
    assert booking(stands(**gone)) is None
    assert booking(stands(owner=" ".strip())) is None


def test_revenue_in_several_currencies_is_by_the_catalogues_rates_or_said() -> None:
    rows = [Moved("ana", "self", code, 1, minor) for code, minor in (("EUR", 1_000), ("USD", 2_000), ("SEK", 500))]
    assert Books(PEOPLE, rows, RATES).worth("ana") == (Fraction(28), "€28/month and, without a rate, SEK 5/month")
    without = Books(PEOPLE, [*rows, Moved("sam", "self", "USD", 5, 0)], {})
    assert without.worth("ana") == (Fraction(20), "$20/month and, without a rate, €10/month and SEK 5/month")
    assert Books(PEOPLE, [], {}).worth("ana") == (Fraction(), "no revenue")


def test_whom_a_playbook_chose_counts_before_an_assessment_tells_so() -> None:
    chosen = promised(stands(owner=None), "sam", MONDAY)
    assert booking(chosen) == Booking("sam", "low_touch", "", 0)
    still = carried(chosen, stands(owner=None))
    assert booking(still) == booking(chosen)
    assert carried(still, stands(owner="sam")).promised is None
    another = carried(still, stands(owner="ana"))
    assert booking(another) == Booking("ana", "low_touch", "", 0)
    late = carried(still, standing("northwind", an_assessment(2, MONDAY + 2 * HOUR, {"account.owner": None})))
    assert booking(late) is None


OWNERS = st.sampled_from(["ana", "sam", None])
LIFE = st.lists(st.tuples(OWNERS, st.integers(0, 10**6), st.booleans(), OWNERS), min_size=1, max_size=12)


@given(LIFE)
def test_what_moves_adds_up_to_what_stands(life: list[tuple[str | None, int, bool, str | None]]) -> None:
    before, sums = None, dict[tuple[str, str, str], list[int]]()
    for number, (owner, mrr, churned, chosen) in enumerate(life):
        facts = {
            "account.owner": owner,
            "account.mrr_minor": mrr,
            "account.currency": "EUR",
            "account.churned": churned,
        }
        now = carried(before, standing("northwind", an_assessment(number + 1, MONDAY + number * DAY / 48, facts)))
        if chosen is not None:
            now = promised(now, chosen, now.at)
        (before,), moved = rebook([now])
        for row in moved:
            had = sums.setdefault(row[:3], [0, 0])
            had[0], had[1] = had[0] + row.accounts, had[1] + row.mrr_minor
    left = [(Booking(*key, minor), number) for key, (number, minor) in sums.items() if number or minor]
    expected = booking(before) if before is not None else None
    assert left == ([] if expected is None else [(expected, 1)])
