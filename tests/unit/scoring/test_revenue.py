"""Revenue figures: they sum, whatever moved, and the published values come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.revenue import Moved, Revenue, Signs, kind_of, revenue_of, signs_of

_MONEY = st.integers(0, 3) | st.integers(0, 10**9)


def moved(start: int, end: int, **more: bool | str | None) -> Moved:
    """One account."""
    paid, pays = bool(more.pop("paid", start > 0)), bool(more.pop("pays", end > 0))
    signs = Signs(start > 0, end > 0, (end > start) - (end < start), paid, pays, bool(more.pop("had", start > 0)))
    said = {"reason": None, "voluntary": None, **more}
    return Moved(signs, said["reason"], said["voluntary"], 1, start, end)  # type: ignore[arg-type]


@st.composite
def _accounts(draw: st.DrawFn) -> list[Moved]:
    truth = st.booleans()
    return [
        moved(
            start := draw(_MONEY),
            end := draw(_MONEY),
            paid=start > 0 or draw(truth),
            pays=end > 0 or draw(truth),
            had=start > 0 or draw(truth),
            voluntary=draw(st.sampled_from([None, True, False])),
            reason=draw(st.sampled_from([None, "price"])),
        )
        for _ in range(draw(st.integers(0, 8)))
    ]


def figures(accounts: list[Moved]) -> Revenue:
    return revenue_of(sum(one.start_minor for one in accounts), sum(one.signs.starts for one in accounts), accounts)


@given(_accounts())
def test_what_there_was_and_what_moved_is_what_there_is(accounts: list[Moved]) -> None:
    found = figures(accounts)
    assert found.end_minor == sum(one.end_minor for one in accounts)
    assert found.customers_end == sum(one.signs.ends for one in accounts)
    sums = found.expanded_minor, found.contracted_minor, found.churned_minor, found.new_minor, found.reactivated_minor
    assert min(sums) >= 0
    start = found.start_minor
    if start:
        kept = sum(min(one.start_minor, one.end_minor) for one in accounts)
        assert found.grr == 100 * kept / start
        assert found.grr <= 100
        assert found.nrr is not None
        assert found.nrr >= found.grr
        assert found.nrr == 100 * sum(one.end_minor for one in accounts if one.start_minor) / start
        assert found.revenue_churn_rate is not None
        assert found.grr + found.revenue_churn_rate <= 100 + 1e-9
    else:
        assert (found.grr, found.nrr, found.churn_rate, found.revenue_churn_rate) == (None, None, None, None)


@given(_accounts())
def test_every_customer_who_left_has_one_reason(accounts: list[Moved]) -> None:
    found = figures(accounts)
    assert sum(one.customers for one in found.reasons) == found.customers_churned
    assert sum(one.minor for one in found.reasons) == found.churned_minor
    assert sum(one.minor for one in found.reasons if not one.voluntary) == found.involuntary_minor


def test_a_hundred_of_a_thousand_are_ten_percent() -> None:
    accounts = [moved(5, 0)] * 100 + [moved(5, 5)] * 880 + [moved(5, 15)] * 20 + [moved(0, 7)] * 3
    found = figures(accounts)
    assert (found.customers, found.customers_churned, found.churn_rate) == (1_000, 100, 10)
    assert (found.revenue_churn_rate, found.grr, found.nrr) == (10, 90, 94)
    assert (found.customers_end, found.arpa_minor) == (903, round((5 * 900 + 200 + 21) / 903))


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (moved(5, 5), "kept"),
        (moved(5, 9), "expanded"),
        (moved(5, 2), "contracted"),
        (moved(5, 0), "churned"),
        (moved(5, 0, pays=True), "contracted"),
        (moved(0, 5), "new"),
        (moved(0, 5, had=True), "reactivated"),
        (moved(0, 5, paid=True, had=True), "expanded"),
        (moved(0, 0), "none"),
    ],
)
def test_each_change_has_one_kind(one: Moved, kind: str) -> None:
    assert kind_of(one.signs) == kind
    assert one.signs in signs_of(kind_of(one.signs))
