"""What people say counts by who says it, and one answer by what it says."""

import pytest

from services.scoring.core.clock import midnight_after
from services.scoring.core.decision import Decision
from services.scoring.core.health import Health, health_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import points_of
from services.scoring.core.packing import encode
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    a_contact,
    a_pulse,
    a_ticket,
    after,
    an_account,
    an_event,
    assessed,
    busy,
    ces,
    csat,
    nps,
    rules_of_one,
    told,
    traits,
)

VOICES = rules_of_one("feedback.nps", "feedback.csat", "feedback.ces")
USED = ("usage.recency", "usage.active_share", "usage.trend", "support.urgent")
CAPPED = rules_of_one(
    *USED,
    "feedback.nps",
    caps={"feedback.worst_decision_maker <= 6": "amber", "feedback.all_detractors == true": "amber"},
)
WELL = (*busy(range(60), users=10), a_ticket(type="closed", at=NOW - 9 * DAY))


def health(account: Account, rules: Rules = VOICES, now=NOW) -> Health:  # type: ignore[no-untyped-def]
    return health_of(account, now, rules)


def points(name: str, *events: Event) -> float:
    """The points of a measure after these events."""
    found = health(an_account(*events)).readings[name].points
    assert found is not None
    return found / 100


@pytest.mark.parametrize(
    ("score", "expected"),
    [(10, 100), (9, 95), (8, 80), (7, 70), (6, 35), (5, 25), (4, 10), (3, 0), (2, 0), (1, 0), (0, 0)],
)
def test_one_answer_has_the_points_of_the_trade_s_curve(score: int, expected: float) -> None:
    assert points("feedback.nps", nps(score)) == expected


def test_a_decision_maker_s_word_weighs_three_times_and_a_champion_s_twice() -> None:
    said = [nps(2, contact="boss"), nps(9, contact="friend"), nps(10, contact="other")]
    roles = [a_contact("boss", "decision_maker"), a_contact("friend", "champion"), a_contact("other", "user")]
    assert points("feedback.nps", *said) == pytest.approx((0 + 95 + 100) / 3)
    assert points("feedback.nps", *said, *roles) == pytest.approx((3 * 0 + 2 * 95 + 100) / 6, abs=0.01)


def test_of_several_roles_the_highest_counts() -> None:
    both = an_event("contact.updated", contact_id="c1", role="user", roles=["admin", "executive_sponsor"])
    assert an_account(both).state.role_of("c1") == "executive_sponsor"
    assert points("feedback.nps", nps(2), nps(10, contact="other"), both) == 25


def test_roles_that_are_named_later_replace_those_before() -> None:
    events = [a_contact("c1", roles=["champion", "admin"]), a_contact("c1", "user", at=NOW)]
    assert an_account(*events).state.roles_of("c1") == ["user"]


def test_the_raw_value_is_the_net_promoter_score_whatever_the_points() -> None:
    read = health(an_account(nps(9), nps(8, contact="b"), nps(7, contact="c"))).readings["feedback.nps"]
    assert read.raw == pytest.approx(100 / 3)
    assert read.words == "NPS 33 from 3 answers"


def test_single_values_stay_few_however_many_answer() -> None:
    many = an_account(*(nps(n % 11, contact=f"c{n}") for n in range(300)), *(csat(1 + n % 5) for n in range(300)))
    spreads = health(many).spreads
    assert (len(spreads["feedback.nps"]), len(spreads["feedback.csat"])) == (11, 5)
    assert sum(weight for _, weight in spreads["feedback.nps"]) == 300


def before_of(account: Account, rules: Rules) -> Decision:
    decision = assessed(account, rules=rules).decision
    assert decision is not None
    return decision


def test_one_answer_of_8_moves_a_healthy_account_by_at_most_5_points() -> None:
    """H12: an account's NPS of one answer is -100, 0 or 100, which is too coarse for points."""
    rules = rules_of_one(
        *USED, "support.urgent", "support.load", "billing.overdue", "billing.punctuality", "feedback.nps"
    )
    account = an_account(
        *busy(range(60), features=("reports", "api", "dashboards", "import", "automations", "integrations"))
    )
    before = before_of(account, rules)
    answer = nps(8)
    one = told(assessed(after(answer, account=account), before=before, by=answer, rules=rules))
    assert one.previous_score is not None
    assert one.score is not None
    assert one.previous_score > 9000
    assert 0 < one.previous_score - one.score <= 500


def test_a_decision_maker_s_2_holds_a_healthy_account_at_amber_and_says_so() -> None:
    """H9: roles are known, and count."""
    people = [a_contact("boss", "decision_maker"), *(a_contact(f"u{n}", "user") for n in range(5))]
    said = [nps(8 + n % 3, contact=f"u{n}") for n in range(5)]
    account = an_account(*WELL, *people, *said, nps(2, contact="boss", comment="we pay for it twice"))
    found = health(account, CAPPED)
    assert found.facts["feedback.worst_decision_maker"] == 2
    assert found.score.points == 7400
    assert found.reason == 'at most amber: their decision maker scored us 2: "we pay for it twice"'
    assert found.readings["feedback.nps"].words.endswith('their decision maker scored us 2: "we pay for it twice"')


def test_it_holds_for_90_days_or_until_they_answer_anew() -> None:
    account = an_account(*busy(range(60)), a_contact("boss", "decision_maker"), nps(2, contact="boss"))
    last = NOW + 89 * DAY
    assert health(account, CAPPED, last).facts["feedback.worst_decision_maker"] == 2
    assert assessed(account, now=last, rules=CAPPED).next_at == midnight_after(last)
    assert "feedback.worst_decision_maker" not in health(account, CAPPED, midnight_after(last)).facts
    better = nps(9, contact="boss", at=NOW + DAY)
    assert health(after(better, account=account), CAPPED, NOW + DAY).facts["feedback.worst_decision_maker"] == 9


def test_who_left_no_longer_holds_it_and_counts_among_no_detractors() -> None:
    boss = [a_contact("boss", "decision_maker"), nps(2, contact="boss")]
    account = an_account(*WELL, *boss, nps(4, contact="other"), nps(9, contact="third"))
    assert health(account, CAPPED).facts["feedback.detractors"] == 2
    found = health(after(a_contact("boss", "left", at=NOW), account=account), CAPPED)
    assert (found.facts["feedback.detractors"], found.score.cap) == (1, None)
    assert "feedback.worst_decision_maker" not in found.facts
    back = health(after(a_contact("boss", "decision_maker", at=NOW + DAY), account=account), CAPPED, NOW + DAY)
    assert back.facts["feedback.worst_decision_maker"] == 2


def test_what_no_longer_holds_is_said_by_the_condition_and_not_by_what_is_now() -> None:
    account = an_account(*WELL, a_contact("boss", "decision_maker"), nps(2, contact="boss"))
    before = before_of(account, CAPPED)
    better = nps(9, contact="boss", at=NOW + DAY)
    one = told(assessed(after(better, account=account), before=before, by=better, now=NOW + DAY, rules=CAPPED))
    lifted = next(driver for driver in one.drivers if driver.kind == "cap")
    assert lifted.reason == "no longer at most amber: a decision maker's answer at most 6"


@pytest.mark.parametrize(
    ("scores", "seats", "expected"),
    [
        ((3, 6), 10, True),
        ((3, 7), 10, False),
        ((3,), 10, False),
        ((3,), 5, True),
        ((3,), None, False),
        ((9,), 5, False),
        ((), 5, None),
    ],
)
def test_all_are_detractors_where_two_or_more_say_so_or_the_only_one_of_few(
    scores: tuple[int, ...], seats: int | None, expected: bool | None
) -> None:
    """H19: the words and the score agree."""
    said = (nps(score, contact=f"c{n}") for n, score in enumerate(scores))
    account = an_account(*busy(range(60)), *said, traits(NOW, seats=seats))
    found = health(account, CAPPED)
    assert found.facts.get("feedback.all_detractors") is expected
    if expected:
        assert (found.score.points or 0) <= 7400
        words = "their contact scored us 3" if len(scores) == 1 else "both who answered scored us 6 or less"
        assert found.in_words(CAPPED.cards[0].caps[1]) == f"at most amber: {words}"


def test_transactional_answers_all_count_and_relational_ones_are_each_contact_s_latest() -> None:
    """H20: ten answers of one contact to ten tickets, 35 points of 50, are 70 %."""
    scores = (5, 5, 4, 4, 4, 3, 3, 3, 2, 2)
    ten = [csat(score, at=NOW - place * DAY) for place, score in enumerate(scores)]
    read = health(an_account(*ten)).readings["feedback.csat"]
    assert (read.raw, read.words) == (70, "satisfaction 70 % from 10 answers")
    latest = [csat(2, at=NOW - DAY, survey_kind="relational"), csat(4, survey_kind="relational")]
    assert health(an_account(*latest)).readings["feedback.csat"].raw == 80
    moments = [nps(score, survey_kind="transactional") for score in (10, 10, 3, 8)]
    read = health(an_account(*moments)).readings["feedback.nps"]
    assert (read.raw, read.words) == (25, "NPS 25 from 4 answers about a moment")


def test_csat_and_ces_are_about_a_moment_and_nps_about_the_relationship_unless_it_is_said() -> None:
    state = an_account(nps(9), csat(4), ces(6)).state
    assert (set(state.moments), set(state.contacts["c1"])) == ({"csat", "ces"}, {"nps"})


def test_an_answer_about_a_moment_counts_for_90_days() -> None:
    account = an_account(csat(1, at=NOW - 89 * DAY))
    before = before_of(account, VOICES)
    read = health(account).readings["feedback.csat"]
    assert (read.raw, read.points) == (20, 0)
    assert health(account, now=NOW + DAY).readings["feedback.csat"].raw is None
    counted = MEASURES["feedback.csat"].counted
    assert list(counted(health(account).view).values()) == ["the 1 of 20 Feb 2026 is past 90 days"]
    assert before.score == 0


def test_who_was_erased_leaves_the_count_and_no_name() -> None:
    said = [csat(1, contact="c-7"), ces(2, contact="c-7"), nps(3, contact="c-7", survey_kind="transactional")]
    gone = an_event("contact.erased", contact_id="c-7")
    first, last = after(gone, *said), after(*said, gone)
    assert encode(first.state) == encode(last.state)
    assert b"c-7" not in encode(last.state)
    assert health(last).readings["feedback.csat"].raw == 20
    assert health(last).facts["feedback.last_nps"] == 3


def test_csat_1_then_ces_1_then_pulse_1_each_move_the_score_in_words() -> None:
    """H10: whatever is taken in weighs something."""
    rules = rules_of_one(*USED, "feedback.csat", "feedback.ces", "relationship.pulse")
    account = an_account(*busy(range(60)), csat(4, at=NOW - DAY), ces(6, at=NOW - DAY))
    decision = before_of(account, rules)
    note = "their finance told me that they will not renew"
    reasons = []
    for event in (csat(1), ces(1), a_pulse(1, note=note)):
        outcome = assessed(after(event, account=account), before=decision, by=event, rules=rules)
        one = told(outcome)
        assert (one.score or 0) < (one.previous_score or 0)
        reasons += [driver.reason for driver in one.drivers]
        decision = outcome.decision
    assert reasons == [
        "their contact rated us 1 of 5",
        "their contact found it hard (1 of 7)",
        f'the pulse is 1 of 10: "{note}"',
    ]


@pytest.mark.parametrize("name", ["feedback.nps", "feedback.csat", "feedback.ces"])
def test_a_better_answer_never_has_fewer_points(name: str) -> None:
    curve = MEASURES[name].curve
    found = [points_of(curve, 0, ((float(score), 1),)) for score in range(11)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, 10_000)
