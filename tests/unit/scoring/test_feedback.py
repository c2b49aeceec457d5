"""Survey figures: the published worked values come out, with their intervals; weights; and what a batch leaves."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core import feedback
from services.scoring.core.feedback import Counted, figure, group_of
from services.scoring.core.fold import fold
from services.scoring.core.state import Account
from services.scoring.core.surveys import KEPT, Surveys
from shared.messages.envelope import Event
from shared.messages.feedback import Measured
from shared.messages.registry import data_of
from tests.support.scoring import DAY, NOW, an_event, nps

CSAT = {5: 2, 4: 3, 3: 3, 2: 2}
"""35 points of 50."""
CES = Counter([7, 4, 3, 2, 5, 6, 4, 1, 7, 6])


def plain(scores: Mapping[int, int]) -> dict[int, Counted]:
    """Answers that all weigh the same, by how many there are of each score."""
    return {score: Counted(number, number, number) for score, number in scores.items()}


def test_half_promoters_a_fifth_detractors_is_30() -> None:
    found = figure("nps", plain({10: 50, 8: 30, 3: 20}))
    assert found.span is not None
    assert found.span.value == pytest.approx(30)


def test_100_50_50_of_250_asked_is_25_between_13_2_and_36_0_at_80_percent_response() -> None:
    found = figure("nps", plain({9: 100, 7: 50, 0: 50}))
    assert (found.n, found.counts) == (200, {"promoter": 100, "passive": 50, "detractor": 50})
    assert found.span is not None
    assert [round(bound, 1) for bound in found.span] == [25, 13.2, 36.0]
    assert feedback.response_rate(250, 200) == 80


def test_csat_is_points_reached_of_points_possible_beside_the_share_of_4_and_5() -> None:
    found = figure("csat", plain(CSAT))
    assert found.span is not None
    assert found.top is not None
    # Student's interval of the mean 3.5: s = 1.0801, t = 2.2622, margin 0.7727; 5 of 10: Agresti and Coull.
    assert [round(bound, 2) for bound in found.span] == [70, 54.55, 85.45]
    assert [round(bound, 1) for bound in found.top] == [50, 23.7, 76.3]


def test_ces_is_the_mean() -> None:
    found = figure("ces", plain(CES))
    assert found.span is not None
    # s = 2.0683.
    assert [round(bound, 2) for bound in found.span] == [4.5, 3.02, 5.98]
    assert found.counts == {"easy": 5, "neutral": 2, "hard": 3}


@pytest.mark.parametrize(("score", "group"), [(10, 100), (9, 100), (8, 0), (7, 0), (6, -100), (0, -100)])
def test_who_is_a_promoter_and_who_a_detractor(score: int, group: int) -> None:
    assert feedback.nps({score: 1}) == group


def test_of_fewer_than_ten_answers_there_are_counts_alone() -> None:
    few, enough = figure("nps", plain({10: 9})), figure("nps", plain({10: 10}))
    assert (few.n, few.span, few.top, few.counts["promoter"]) == (9, None, None, 9)
    assert enough.span is not None
    assert enough.span.low < enough.span.high == 100
    assert figure("nps", {}).n == 0


def test_one_account_with_many_answers_weighs_as_one() -> None:
    found = figure("nps", {0: Counted(1000, 1.0, 0.001), 10: Counted(15, 15.0, 15.0)})
    assert (found.answers, found.n) == (1015, 17)
    assert found.span is not None
    assert found.span.value == pytest.approx(100 * 14 / 16)


_measures = st.sampled_from(sorted(feedback.GROUPS))
_counts = st.dictionaries(st.integers(1, 5), st.integers(1, 10**6), min_size=1)


@given(measure=_measures, counts=_counts, weight=st.integers(1, 1000))
def test_a_figure_lies_within_its_bounds_and_equal_weights_change_nothing(
    measure: Measured, counts: dict[int, int], weight: int
) -> None:
    found = figure(measure, plain(counts))
    same = figure(measure, {s: Counted(n, n * weight, n * weight**2) for s, n in counts.items()})
    assert (found.n, found.counts) == (same.n, same.counts)
    assert sum(found.counts.values()) == found.answers == sum(counts.values())
    if found.span is not None:
        assert same.span == pytest.approx(found.span)
        # At the end of the scale an adjusted interval lies inwards of what it is of.
        assert found.span.low <= found.span.high
        assert measure == "nps" or found.span.low <= found.span.value <= found.span.high
    assert group_of(measure, 1) == feedback.GROUPS[measure][-1].name


# What a batch leaves


def _invited(score: int, at: int, **more: str) -> Event:
    data = {"survey_kind": "transactional", "invitation_id": "inv", **more}
    return nps(score, id=f"e{at}", at=NOW + at * DAY, **data)


def _after(*events: Event) -> tuple[Account, Surveys]:
    account, surveys = Account("acme"), Surveys()
    for event in events:
        fold(account, event, data_of(event))
        surveys.note(account, event, data_of(event), NOW)
    return account, surveys


def _counted(account: Account) -> list[tuple[int, int]]:
    return sorted(entry for scores in account.state.moments.get("nps", {}).values() for entry in scores.items())


def test_a_changed_answer_to_an_invitation_counts_once_whichever_is_read_first() -> None:
    first, then = _invited(2, -3, comment="slow"), _invited(9, -1, comment="fast")
    for events in ((first, then), (then, first)):
        account, surveys = _after(*events)
        assert _counted(account) == [(9, 1)]
        assert [(row.score, row.comment) for row in surveys.answers.values()] == [(9, "fast")]


def test_answers_without_an_invitation_all_count() -> None:
    moment = {"survey_kind": "transactional"}
    account, surveys = _after(nps(2, id="a", at=NOW, **moment), nps(2, id="b", at=NOW, **moment))
    assert (_counted(account), len(surveys.answers)) == ([(2, 2)], 2)


def test_of_who_was_erased_a_score_stays_under_a_digest_before_and_after() -> None:
    erased = an_event("contact.erased", contact_id="c1")
    late = nps(3, contact="c1", id="late", comment="private")
    _, surveys = _after(erased, late)
    (row,) = surveys.answers.values()
    assert (row.score, row.erased, row.comment, row.role) == (3, True, None, None)
    assert "c1" not in row.contact_id


def test_what_is_older_than_two_years_leaves_no_row() -> None:
    _, surveys = _after(nps(3, at=NOW - KEPT - DAY))
    assert not surveys.answers
