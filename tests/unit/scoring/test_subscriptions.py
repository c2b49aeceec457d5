"""What an account's subscriptions come to: live or over, revenue, the contract's end, leaving and having left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.clock import written
from services.scoring.core.health import health_of
from services.scoring.core.measures.base import View
from services.scoring.core.measures.contract import before, bought_at
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.core.subscriptions import moved_on
from shared.messages.stamps import instant_of, micros
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_subscription,
    after,
    an_account,
    an_event,
    assessed,
    busy,
    nps,
    told,
    traits,
)

SIGNED = NOW - 200 * DAY


def facts_of(account: Account, now: datetime = NOW, rules: Rules = SHIPPED) -> dict[str, Any]:
    """Every fact."""
    return dict(health_of(account, now, rules).facts)


def when(days: float) -> str:
    """An instant so many days from now."""
    return written(NOW + days * DAY)


def bought(*events: Any) -> dict[str, Any]:
    """The facts of a customer who was signed 200 days ago and has no traits about what they buy."""
    return facts_of(after(traits(SIGNED, signed_at=SIGNED), *events))


def test_two_subscriptions_add_up_and_the_plan_is_the_larger_s() -> None:
    facts = bought(
        a_subscription(SIGNED, "a", mrr_minor=200_000, currency="EUR", plan="starter", seats=10),
        a_subscription(SIGNED, "b", mrr_minor=600_000, currency="EUR", plan="pro", seats=30),
    )
    assert [facts[f"account.{name}"] for name in ("mrr_minor", "plan", "seats")] == [800_000, "pro", 40]


def test_when_one_of_two_is_cancelled_the_other_goes_on() -> None:
    facts = bought(
        a_subscription(SIGNED, "a", mrr_minor=200_000, currency="EUR", plan="starter"),
        a_subscription(NOW - 9 * DAY, "b", mrr_minor=600_000, currency="EUR", plan="pro"),
        a_subscription(NOW - DAY, "a", status="canceled"),
    )
    assert (facts["account.churned"], facts["account.mrr_minor"], facts["account.plan"]) == (False, 600_000, "pro")


@pytest.mark.parametrize("status", ["incomplete", "incomplete_expired"])
def test_a_checkout_that_was_never_paid_counts_nothing_and_ends_nothing(status: str) -> None:
    facts = bought(
        a_subscription(SIGNED, "a", mrr_minor=200_000, currency="EUR"),
        a_subscription(NOW, "b", mrr_minor=600_000, currency="EUR", status=status),
    )
    assert (facts["account.churned"], facts["account.mrr_minor"]) == (False, 200_000)
    alone = bought(a_subscription(NOW, "b", mrr_minor=600_000, currency="EUR", status=status))
    assert alone["account.churned"] is False
    assert "account.mrr_minor" not in alone


def test_a_checkout_that_is_dropped_before_its_first_payment_is_no_customer_who_left() -> None:
    dropped = [
        a_subscription(NOW - DAY, "b", mrr_minor=1, status="incomplete"),
        a_subscription(NOW, "b", status="canceled"),
    ]
    for order in permutations(dropped):
        assert bought(*order)["account.churned"] is False


@pytest.mark.parametrize(
    ("status", "mrr"), [("active", 100), ("past_due", 100), ("trialing", 0), ("paused", 0), ("unpaid", 0)]
)
def test_what_is_trialing_or_paused_is_live_without_revenue_and_unpaid_has_left(status: str, mrr: int) -> None:
    facts = bought(
        a_subscription(SIGNED, mrr_minor=100, currency="EUR", seats=5), a_subscription(NOW - DAY, status=status)
    )
    assert (facts["account.mrr_minor"], facts["account.churned"]) == (mrr, status == "unpaid")


def test_a_trial_beside_revenue_that_the_traits_name_takes_nothing_away() -> None:
    trial = a_subscription(NOW - 9 * DAY, mrr_minor=500, currency="EUR", seats=2, plan="x", status="trialing")
    for more in ([], [a_subscription(NOW - DAY, ends_at=when(9))], [a_subscription(NOW, status="canceled")]):
        facts = facts_of(an_account(trial, *more, mrr_minor=420_000, seats=10))
        assert (facts["account.mrr_minor"], facts["account.seats"], facts["contract.change"]) == (420_000, 10, 0)
        assert (facts["account.leaving"], facts["account.churned"]) == (False, False)
        assert "contract.contracted_at" not in facts
    paid = facts_of(an_account(trial, a_subscription(NOW, status="active"), mrr_minor=420_000, seats=10))
    assert (paid["account.mrr_minor"], paid["account.seats"]) == (500, 2)


def test_past_due_leaves_after_60_days_however_often_it_is_said() -> None:
    account = after(
        traits(SIGNED, signed_at=SIGNED),
        a_subscription(SIGNED, mrr_minor=100, currency="EUR"),
        *(a_subscription(NOW - 59 * DAY + days * DAY, status="past_due") for days in (0, 3, 30, 50)),
    )
    assert facts_of(account)["account.churned"] is False
    then = NOW + DAY
    assert assessed(account, now=then - timedelta(hours=1)).next_at == then
    left = facts_of(account, then)
    assert (left["account.churned_at"], left["account.churn_voluntary"]) == (written(then), False)
    later = after(a_subscription(NOW + 9 * DAY, status="canceled"), account=account)
    assert facts_of(later, NOW + 10 * DAY)["account.churned_at"] == written(then)


def test_paying_again_ends_being_past_due() -> None:
    facts = bought(
        a_subscription(SIGNED, mrr_minor=100, currency="EUR"),
        a_subscription(NOW - 90 * DAY, status="past_due"),
        a_subscription(NOW - 50 * DAY, status="active"),
        a_subscription(NOW - 20 * DAY, status="past_due"),
    )
    assert (facts["account.churned"], facts["account.mrr_minor"]) == (False, 100)


def test_the_unnamed_subscription_counts_only_while_there_is_no_named_one() -> None:
    unnamed = a_subscription(SIGNED, None, mrr_minor=100, currency="EUR")
    assert bought(unnamed)["account.mrr_minor"] == 100
    assert bought(unnamed, a_subscription(NOW, "a", mrr_minor=7))["account.mrr_minor"] == 7
    unpaid = a_subscription(NOW, "a", mrr_minor=7, status="incomplete")
    assert bought(unnamed, unpaid)["account.mrr_minor"] == 100


def test_null_clears_and_absent_leaves() -> None:
    first = a_subscription(SIGNED, mrr_minor=100, currency="EUR", renews_at=when(300), plan="pro")
    assert bought(first, a_subscription(NOW, seats=3))["account.renews_at"] == when(300)
    cleared = bought(first, a_subscription(NOW, renews_at=None, plan=None))
    assert {"account.renews_at", "account.plan", "contract.ends_at"} & cleared.keys() == set()
    assert cleared["account.mrr_minor"] == 100


def test_a_cancellation_at_the_period_s_end_and_then_the_end_leaves_no_date_and_no_revenue() -> None:
    events = [
        a_subscription(SIGNED, mrr_minor=800_000, currency="EUR", renews_at=when(300)),
        a_subscription(NOW - 20 * DAY, renews_at=None, ends_at=when(-1)),
        a_subscription(NOW - DAY, mrr_minor=0, status="canceled", reason="too_expensive"),
    ]
    for order in permutations(events):
        facts = bought(*order)
        assert (facts["account.churned_at"], facts["account.mrr_minor"]) == (when(-1), 0)
        assert {"account.renews_at", "contract.ends_at", "account.leaves_at"} & facts.keys() == set()


def test_an_account_is_leaving_when_an_end_is_set_to_all_that_pays() -> None:
    pays = a_subscription(SIGNED, "a", mrr_minor=100, currency="EUR", ends_at=when(40))
    trial = a_subscription(SIGNED, "b", mrr_minor=50, currency="EUR", status="trialing")
    other = a_subscription(SIGNED, "c", mrr_minor=50, currency="EUR")
    assert (bought(pays, trial)["account.leaving"], bought(pays, trial)["account.leaves_at"]) == (True, when(40))
    both = bought(pays, other)
    assert (both["account.leaving"], both["contract.ending_share"]) == (False, 100 * 100 / 150)
    assert bought(trial)["account.leaving"] is False
    assert bought(trial, a_subscription(NOW, "b", ends_at=when(9)))["account.leaving"] is True


def test_it_leaves_when_that_end_comes_to_the_second_and_the_timer_is_set_for_it() -> None:
    end = NOW + timedelta(hours=3, seconds=7)
    account = an_account(
        *busy(range(60)), a_subscription(SIGNED, mrr_minor=100, ends_at=written(end), reason="They were bought")
    )
    outcome = assessed(account)
    assert told(outcome).facts["account.leaving"] is True
    assert told(outcome).score is not None
    assert outcome.next_at == end
    one = told(assessed(account, before=outcome.decision, now=end))
    assert (one.score, one.band, one.previous_score) == (None, "unknown", told(outcome).score)
    assert one.unknown["health.score"] == 'left on 20 May 2026 because "They were bought"'
    assert (one.facts["account.churned"], one.facts["account.leaving"]) == (True, False)
    assert one.facts["account.churn_reason"] == "They were bought"


def test_an_account_that_left_is_not_scored_and_what_it_says_afterwards_is_still_known() -> None:
    account = an_account(
        *busy(range(60)), an_event("account.churned", at=datetime(2026, 5, 3, 9, tzinfo=UTC), reason="price"), nps(0)
    )
    health = health_of(account, NOW, SHIPPED)
    assert (health.score.points, health.reason) == (None, 'left on 3 May 2026 because "price"')
    assert not [name for name in health.facts if name.startswith("points.")]
    assert health.facts["feedback.last_nps"] == 0


def test_who_did_not_pay_left_involuntarily() -> None:
    account = an_account(
        a_subscription(SIGNED, mrr_minor=100), a_subscription(NOW - 2 * DAY, status="unpaid"),
        a_subscription(NOW - DAY, status="canceled"),
    )  # fmt: skip
    assert health_of(account, NOW, SHIPPED).reason == 'left involuntarily on 18 May 2026 because "unpaid"'
    said = an_event("account.churned", at=NOW - DAY, voluntary=False)
    reason = health_of(an_account(said), NOW, SHIPPED).reason
    assert reason == "left involuntarily on 19 May 2026; nobody said why"


def test_a_subscription_that_becomes_live_brings_them_back_and_one_that_was_live_all_along_does_not() -> None:
    on = a_subscription(SIGNED, "a", mrr_minor=100)
    left = an_event("account.churned", at=NOW - 9 * DAY)
    assert facts_of(an_account(on, left, a_subscription(NOW, "a", seats=4)))["account.churned"] is True
    assert facts_of(an_account(on, left, a_subscription(NOW, "a", status="active")))["account.churned"] is True
    assert facts_of(an_account(on, left, a_subscription(NOW, "b", mrr_minor=5)))["account.churned"] is False
    again = [a_subscription(NOW - 8 * DAY, "a", status="canceled"), a_subscription(NOW, "a", status="active")]
    assert facts_of(an_account(on, left, *again))["account.churned"] is False


def test_signing_again_brings_them_back() -> None:
    left = an_event("account.churned", at=NOW - 9 * DAY)
    assert facts_of(an_account(left, traits(NOW, signed_at=NOW - DAY)))["account.churned"] is False


def test_other_currencies_count_by_the_catalogue_s_rates_or_are_left_out_and_listed() -> None:
    account = after(
        a_subscription(SIGNED, "a", mrr_minor=100_000, currency="EUR", started_at=when(-200)),
        a_subscription(SIGNED, "b", mrr_minor=100_000, currency="USD", started_at=when(-100)),
        a_subscription(SIGNED, "c", mrr_minor=90_000, currency="JPY", started_at=when(-90)),
    )
    without = facts_of(account)
    assert (without["account.mrr_minor"], without["account.currency"]) == (100_000, "EUR")
    assert without["contract.other_currencies"] == ["$1,000", "¥90,000"]
    rates = {"EUR": Fraction(1), "USD": Fraction("0.9"), "JPY": Fraction("0.006")}
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, rates=rates))
    assert facts_of(account, rules=rules)["account.mrr_minor"] == 100_000 + 90_000 + 54_000
    main = after(traits(NOW, currency="USD"), account=account)
    assert facts_of(main, rules=rules)["account.currency"] == "USD"


@pytest.mark.parametrize(
    ("said", "end", "term"),
    [
        ({"renews_at": 300}, 300, 12),
        ({"renews_at": 300, "term_months": 24}, 300, 24),
        ({"renews_at": 28}, None, None),
        ({"renews_at": 28, "term_months": 1}, None, None),
        ({"renews_at": 28, "term_months": 12}, 28, 12),
        ({"ends_at": 70}, 70, 12),
        ({"renews_at": 300, "ends_at": 70}, 70, 12),
        ({"renews_at": -100, "auto_renews": False, "term_months": 12}, None, None),
    ],
)
def test_a_contract_ends_when_a_term_of_six_months_or_more_does(
    said: dict[str, Any], end: int | None, term: int | None
) -> None:
    fields = {name: when(value) if name.endswith("_at") else value for name, value in said.items()}
    facts = bought(a_subscription(NOW - DAY, mrr_minor=100, **fields))
    assert facts.get("contract.ends_at") == (None if end is None else when(end))
    assert facts.get("contract.term_months") == term


def test_without_a_term_it_is_the_step_by_which_the_renewal_last_moved() -> None:
    two_years = [
        a_subscription(NOW - 700 * DAY, mrr_minor=1, renews_at="2026-01-31T00:00:00Z"),
        a_subscription(NOW - 99 * DAY, renews_at="2028-01-31T00:00:00Z"),
    ]
    monthly = [a_subscription(NOW - DAY * d, mrr_minor=1, renews_at=when(30 - d)) for d in (60, 30, 0)]
    for order in permutations(two_years):
        assert bought(*order)["contract.term_months"] == 24
    assert "contract.ends_at" not in bought(*monthly)


def test_what_renews_by_itself_moves_on_by_its_term_and_what_does_not_lapses() -> None:
    said: dict[str, Any] = {"mrr_minor": 100, "renews_at": "2024-02-29T00:00:00Z", "term_months": 12}
    assert bought(a_subscription(SIGNED, **said))["contract.ends_at"] == "2027-02-28T00:00:00Z"
    lapsed = bought(a_subscription(SIGNED, auto_renews=False, **said))
    assert (lapsed["contract.lapsed"], lapsed["account.churned"]) == (True, False)
    assert "contract.ends_at" not in lapsed
    assert bought(a_subscription(SIGNED, **said))["contract.lapsed"] is False


@pytest.mark.parametrize("months", [1, 3, 6, 12, 24, 36])
@pytest.mark.parametrize("end", ["2019-01-31", "2024-02-29", "2026-05-19", "2026-05-20", "2026-05-21"])
def test_moving_on_finds_the_first_end_that_is_not_past(end: str, months: int) -> None:
    start = datetime.fromisoformat(f"{end}T18:00:00Z")
    found = instant_of(moved_on(micros(start), months, micros(NOW)))
    assert found.date() >= NOW.date()
    assert found == start or found - timedelta(days=31 * months) < NOW
    assert (found.month - start.month + 12 * (found.year - start.year)) % months == 0


def test_a_small_contract_does_not_set_the_account_s_end() -> None:
    large = a_subscription(SIGNED, "a", mrr_minor=950, renews_at=when(300))
    assert bought(large, a_subscription(SIGNED, "b", mrr_minor=50, renews_at=when(40)))["contract.ends_at"] == when(300)
    assert bought(large, a_subscription(SIGNED, "b", mrr_minor=150, renews_at=when(40)))["contract.ends_at"] == when(40)


@pytest.mark.parametrize(
    ("said", "days", "stage"),
    [
        ({"term_months": 12}, 120, "renewal"),
        ({"term_months": 12}, 121, "adopting"),
        ({"term_months": 12, "notice_days": 60}, 150, "renewal"),
        ({"term_months": 6}, 91, "renewal"),
        ({"term_months": 6}, 92, "adopting"),
        ({"term_months": 1}, 9, "adopting"),
    ],
)
def test_the_renewal_stage_begins_90_days_before_notice_at_most_half_the_term(
    said: dict[str, Any], days: int, stage: str
) -> None:
    facts = bought(a_subscription(SIGNED, mrr_minor=1, renews_at=when(days), **said))
    assert facts["account.stage"] == stage


def test_a_month_s_billing_period_is_no_renewal() -> None:
    """The subscription came two days after signing and names the end of its first month."""
    account = after(
        traits(NOW - 2 * DAY, signed_at=NOW - 2 * DAY),
        a_subscription(NOW, None, mrr_minor=100, currency="EUR", plan="pro", seats=3, renews_at=when(28)),
    )
    facts = facts_of(account)
    assert facts["account.stage"] == "onboarding"
    assert "account.renews_at" not in facts


CONTRACTED = [
    a_subscription(SIGNED, mrr_minor=800_000, currency="EUR", plan="pro", seats=40),
    a_subscription(NOW - 3 * DAY, mrr_minor=200_000, plan="starter", seats=20),
]


def test_a_contraction_is_measured_and_said() -> None:
    for order in permutations(CONTRACTED):
        health = health_of(an_account(*order), NOW, SHIPPED)
        change = health.readings["contract.change"]
        assert (change.raw, change.words) == (-75, "contracted by 75 %: from €8,000 to €2,000 a month")
        assert change.points == 0
        assert health.facts["contract.seats_change"] == -50
        assert health.facts["contract.contracted_at"] == written(NOW - 3 * DAY)


def test_a_contraction_that_only_traits_tell_of_is_measured_too() -> None:
    account = after(
        traits(SIGNED, mrr_minor=800_000, currency="EUR", seats=40), traits(NOW - 3 * DAY, mrr_minor=200_000, seats=20)
    )
    assert health_of(account, NOW, SHIPPED).readings["contract.change"].raw == -75
    assert facts_of(account)["contract.contracted_at"] == written(NOW - 3 * DAY)


def test_a_contraction_is_one_for_90_days() -> None:
    account = an_account(*CONTRACTED)
    assert facts_of(account, NOW + 86 * DAY)["contract.change"] == -75
    assert facts_of(account, NOW + 87 * DAY)["contract.change"] == 0
    assert "contract.contracted_at" not in facts_of(account, NOW + 87 * DAY)


def test_what_was_regained_is_no_contraction() -> None:
    account = an_account(*CONTRACTED, a_subscription(NOW - DAY, mrr_minor=900_000, seats=40))
    facts = facts_of(account)
    assert facts["contract.change"] == 12.5
    assert "contract.contracted_at" not in facts


def test_a_part_that_ended_is_a_contraction_from_then_on() -> None:
    parts = [a_subscription(SIGNED, id, mrr_minor=100_000, currency="EUR") for id in ("a", "b")]
    account = an_account(*parts, a_subscription(NOW - 30 * DAY, "b", ends_at=when(-5)))
    facts = facts_of(account)
    assert (facts["contract.change"], facts["contract.contracted_at"]) == (-50, when(-5))
    assert facts_of(account, NOW - 6 * DAY)["contract.change"] == 0


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([a_subscription(NOW - 30 * DAY, mrr_minor=5)], "its monthly revenue of 90 days ago is not known"),
        (
            [a_subscription(SIGNED, mrr_minor=5, currency="EUR"), a_subscription(NOW, currency="USD")],
            "its currency has changed in 90 days",
        ),
        (
            [a_subscription(SIGNED, mrr_minor=5, status="trialing"), a_subscription(NOW, status="active")],
            "it paid nothing 90 days ago",
        ),
        ([traits(SIGNED, name="x")], "its monthly revenue is not known"),
        ([a_subscription(SIGNED, mrr_minor=5), a_subscription(NOW, status="canceled")], "the customer left"),
    ],
)
def test_where_there_is_nothing_to_compare_with_there_is_no_data(events: Any, words: str) -> None:
    health = health_of(after(*events), NOW, SHIPPED)
    assert "contract.change" not in health.facts
    assert health.unknown["contract.change"] == words


def test_a_late_event_lands_in_its_own_day() -> None:
    account = an_account(a_subscription(SIGNED, mrr_minor=100), a_subscription(NOW, mrr_minor=300))
    late = a_subscription(NOW - 95 * DAY, mrr_minor=200)
    assert facts_of(account)["contract.change"] == 200
    assert facts_of(after(late, account=account))["contract.change"] == 50


def test_changes_over_days_end_at_the_midnights_on_which_they_leave_their_windows() -> None:
    account = an_account(
        a_subscription(SIGNED, mrr_minor=1000, seats=10, currency="EUR"),
        a_subscription(NOW - 5 * DAY, mrr_minor=800, seats=12),
    )

    def found(now: datetime) -> list[tuple[float, float]]:
        facts = facts_of(account, now)
        return [(facts[f"contract.change.{days}d"], facts[f"contract.seats.change.{days}d"]) for days in (1, 7, 14, 30)]

    steady, fell = (0, 0), (-20, 20)
    assert found(NOW) == [steady, fell, fell, fell]
    assert assessed(account).next_at == datetime(2026, 5, 21, tzinfo=UTC)
    gone = datetime(2026, 5, 22, tzinfo=UTC)
    assert found(gone - timedelta(microseconds=1)) == [steady, fell, fell, fell]
    assert found(gone) == [steady, steady, fell, fell]
    assert "contract.change.7d" not in facts_of(an_account(mrr_minor=None))


@settings(max_examples=40)
@given(
    said=st.lists(
        st.tuples(
            st.integers(0, 100),
            st.sampled_from(["a", "b"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "mrr_minor": st.integers(0, 3),
                    "seats": st.integers(0, 3),
                    "status": st.sampled_from(["trialing", "active", "past_due", "paused", "canceled"]),
                    "currency": st.sampled_from(["EUR", "JPY"]),
                    "ends_at": st.integers(-60, 20).map(when),
                },
            ),
        ),
        max_size=5,
    ),
    days=st.sampled_from([1, 7, 14, 30, 90]),
)
def test_what_was_bought_before_is_asked_anew_only_where_it_may_be_another(
    said: list[tuple[int, str, dict[str, Any]]], days: int
) -> None:
    events = [a_subscription(NOW - back * DAY, id, **fields) for back, id, fields in said if fields]
    view = View(an_account(*events), NOW, SHIPPED.catalogue)
    asked, then = before(view, days), bought_at(view, (view.today - days + 1) * 86_400_000_000 - 1)
    told_of = ("mrr_minor", "currency", "plan", "seats")
    assert [getattr(asked, name) for name in told_of] == [getattr(then, name) for name in told_of]
