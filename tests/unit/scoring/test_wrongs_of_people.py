"""What once came out wrong of people, tickets and judgements comes out right with the cards that ship."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from shared.messages.assessments import AccountAssessed
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    a_contact,
    a_pulse,
    a_talk,
    a_ticket,
    after,
    an_account,
    an_invoice,
    assessed,
    busy,
    ces,
    csat,
    nps,
    told,
    traits,
)

WELL = (
    *busy(range(75), users=10),
    *(an_invoice("paid", f"I-{n}", at=NOW - n * 30 * DAY, due_at=NOW - n * 30 * DAY) for n in range(1, 5)),
    a_ticket("T-0", type="closed", at=NOW - 20 * DAY, opened_at=NOW - 20 * DAY),
    a_talk("c9", at=NOW - 5 * DAY),
    *(a_contact(f"u{n}", "user") for n in range(5)),
    a_contact("boss", "decision_maker"),
    a_contact("friend", "champion"),
)
"""A customer with whom all is well."""


def story(past: Sequence[Event], *then: Event) -> tuple[AccountAssessed, list[AccountAssessed]]:
    """How it stood, and what each further event did."""
    account = an_account(*past)
    outcome = assessed(account)
    first, decision = told(outcome), outcome.decision
    steps = []
    for event in then:
        outcome = assessed(after(event, account=account), before=decision, by=event)
        steps.append(told(outcome))
        decision = outcome.decision
    return first, steps


def change(one: AccountAssessed) -> int:
    """By how many hundredths it moved the score."""
    assert one.score is not None
    assert one.previous_score is not None
    return one.score - one.previous_score


def reasons(one: AccountAssessed) -> list[str]:
    """Why."""
    return [driver.reason for driver in one.drivers]


def test_with_all_well_it_is_green() -> None:
    first, _ = story(WELL)
    assert (first.band, (first.score or 0) > 9000) == ("green", True)


def test_three_urgent_tickets_for_days_are_at_most_amber() -> None:
    """H7."""
    urgent = [a_ticket(f"T-{days}", opened_at=NOW - days * DAY, priority="urgent") for days in (4, 5, 6)]
    _, (*_, last) = story(WELL, *urgent)
    assert (last.band, (last.score or 0) <= 7400) == ("amber", True)
    assert any("urgent ticket T-" in reason for reason in reasons(last))


def test_a_decision_maker_s_2_beside_five_happy_users_is_at_most_amber() -> None:
    """H9."""
    happy = [nps(8 + n % 3, contact=f"u{n}", at=NOW - 9 * DAY) for n in range(5)]
    first, (one,) = story([*WELL, *happy], nps(2, contact="boss"))
    assert (first.band, one.band) == ("green", "amber")
    assert "at most amber: their decision maker scored us 2" in reasons(one)


def test_csat_1_ces_1_and_pulse_1_each_move_the_score() -> None:
    """H10."""
    past = [*WELL, csat(4, at=NOW - 9 * DAY), ces(6, at=NOW - 9 * DAY)]
    _, steps = story(past, csat(1, contact="u1"), ces(1, contact="u1"), a_pulse(1, note="they will not renew"))
    assert all(change(one) < -50 for one in steps)
    assert steps[-1].band == "red"
    assert 'at most red: the pulse is 1 of 10: "they will not renew"' in reasons(steps[-1])


def test_the_last_champion_s_leaving_is_at_most_amber_while_it_lasts() -> None:
    """H11."""
    first, (left, replaced) = story(WELL, a_contact("friend", "left", at=NOW), a_contact("u1", "champion", at=NOW))
    assert (first.band, left.score, replaced.score) == ("green", 7400, first.score)
    words = "their champion left on 20 May 2026, and nobody has taken their place"
    assert reasons(left) == [f"at most amber: {words}"]


@pytest.mark.parametrize("past", [WELL, WELL[:-7]])
def test_one_answer_of_8_moves_it_by_at_most_5_points(past: Sequence[Event]) -> None:
    """H12."""
    _, (one,) = story(past, nps(8, contact="u1"))
    assert -500 <= change(one) < 0
    assert one.band == "green"


def test_where_every_respondent_is_a_detractor_it_is_at_most_amber() -> None:
    """H19."""
    _, (one, two) = story(WELL, nps(6, contact="u1"), nps(5, contact="u2"))
    assert (one.band, two.band) == ("green", "amber")
    assert "at most amber: both who answered scored us 6 or less" in reasons(two)


def test_ten_answers_of_one_contact_to_ten_tickets_all_count() -> None:
    """H20."""
    scores = (5, 5, 4, 4, 4, 3, 3, 3, 2, 2)
    _, (*_, last) = story(WELL, *(csat(score, contact="u1") for score in scores))
    assert last.facts["feedback.csat"] == 70


@pytest.mark.parametrize("signed", [NOW - 200 * DAY, None])
def test_two_of_500_seats_are_red_also_where_nobody_said_when_they_signed(signed: datetime | None) -> None:
    """H17."""
    one = told(assessed(an_account(*busy(range(75), users=2), seats=500, signed=signed)))
    assert (one.band, one.score) == ("red", 4900)


@pytest.mark.parametrize(("days", "found"), [(59, False), (60, True)])
def test_few_seats_in_use_hold_nothing_before_day_60_from_the_first_event(days: int, found: bool) -> None:
    account = after(traits(NOW - days * DAY, seats=500), *busy(range(55), users=2))
    assert (told(assessed(account)).band == "red") is found
