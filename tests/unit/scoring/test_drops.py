"""A drop of NPS: two windows with enough answers, and more between them than chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.drops import Answers, drops
from services.scoring.core.feedback import Counted, figure
from shared.messages.accounts import NpsDropped


def answers(promoters: int, passives: int, detractors: int) -> Answers:
    """So many of each group."""
    return {9: promoters, 7: passives, 3: detractors}


def test_a_fall_beyond_both_margins_is_told_with_what_it_rests_on() -> None:
    found = drops("relational", {None: answers(70, 20, 10)}, {None: answers(40, 30, 30)})
    expected = NpsDropped(kind="relational", before=60.0, now=10.0, n_before=100, n_now=100)
    assert found == {None: expected}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (answers(40, 30, 30), answers(70, 20, 10)),
        (answers(50, 30, 20), answers(45, 30, 25)),
        (answers(29, 0, 0), answers(0, 0, 100)),
        (answers(100, 0, 0), answers(0, 0, 29)),
        ({}, answers(0, 0, 100)),
    ],
    ids=["a rise", "within the margins", "too few before", "too few now", "nothing before"],
)
def test_what_is_no_drop(before: Answers, now: Answers) -> None:
    assert drops("relational", {None: before}, {None: now}) == {}


def test_the_margin_is_that_of_a_difference() -> None:
    """100 answers each, half of them promoters, a quarter detractors: the difference may be off by some 23 points."""
    before: dict[str | None, Answers] = {None: answers(50, 25, 25)}
    assert drops("relational", before, {None: answers(40, 23, 37)}) == {}, "22 points"
    assert None in drops("relational", before, {None: answers(38, 24, 38)}), "25 points"


def test_products_are_compared_each_by_itself_and_all_of_them_together() -> None:
    some, few = answers(10, 10, 10), answers(1, 1, 1)
    before = {"crm": answers(60, 20, 20), "payroll": answers(60, 20, 20), None: some, "new": few}
    now = {"crm": answers(60, 20, 20), "payroll": answers(20, 20, 60), None: some, "gone": few}
    found = drops("transactional", before, now)
    assert {product: (one.product, one.n_now) for product, one in found.items()} == {
        None: (None, 233),
        "payroll": ("payroll", 100),
    }


_answers = st.dictionaries(st.integers(0, 10), st.integers(1, 200))


@given(before=_answers, now=_answers)
def test_what_is_told_is_what_the_report_shows(before: dict[int, int], now: dict[int, int]) -> None:
    for one in drops("relational", {None: before}, {None: now}).values():
        first, last = (
            figure("nps", {score: Counted(n, n, n) for score, n in some.items()}).span for some in (before, now)
        )
        assert first is not None
        assert last is not None
        assert (one.before, one.now) == (round(first.value, 1), round(last.value, 1))
        assert last.value < first.value
