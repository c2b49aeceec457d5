"""What an account brings by day: one step for each change, whenever it was heard of."""

from datetime import UTC, datetime
from itertools import pairwise, permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core import pruning
from services.scoring.core.clock import day_of
from services.scoring.core.fold import fold
from services.scoring.core.money import FOREVER, MoneyRow, rows_of, since_in_months
from services.scoring.core.profile import profile_of
from services.scoring.core.state import Account
from shared.messages import registry
from shared.messages.envelope import Event
from tests.support.scoring import DAY, NOW, SHIPPED, a_subscription, after, an_event, traits

TODAY = day_of(NOW)
SIGNED = NOW - 60 * DAY


def steps(*events: Event) -> list[tuple[int, str, int, int]]:
    """Days from now, currency, and what it brings then and did before."""
    account = after(*events)
    return [(row.day - TODAY, row.currency, row.minor, row.before_minor) for row in rows_of("acme", account.state)]


def last(*events: Event) -> MoneyRow:
    return rows_of("acme", after(*events).state)[-1]


def test_each_change_is_a_step_and_subscriptions_add_up() -> None:
    bought = [
        a_subscription(SIGNED, "a", mrr_minor=200, currency="EUR", plan="pro"),
        a_subscription(NOW - 30 * DAY, "b", mrr_minor=100),
        a_subscription(NOW - 9 * DAY, "a", mrr_minor=150),
        a_subscription(NOW - 9 * DAY, "a", seats=3),
    ]
    for order in permutations(bought):
        assert steps(*order) == [(-60, "EUR", 200, 0), (-30, "EUR", 300, 200), (-9, "EUR", 250, 300)]


def test_what_started_before_it_was_heard_of_brought_it_since_then() -> None:
    assert steps(a_subscription(NOW, mrr_minor=100, currency="EUR", started_at=SIGNED)) == [(-60, "EUR", 100, 0)]
    ended = a_subscription(NOW, mrr_minor=100, currency="EUR", started_at=SIGNED, status="canceled", reason="price")
    assert steps(ended) == [(-60, "EUR", 100, 0), (0, "EUR", 0, 100)]
    assert steps(traits(NOW, mrr_minor=100, currency="EUR", signed_at=SIGNED)) == [(-60, "EUR", 100, 0)]


def test_an_end_that_is_set_is_a_step_ahead_and_so_is_a_payment_that_stays_out() -> None:
    bought = a_subscription(SIGNED, mrr_minor=100, currency="EUR")
    ends = last(bought, a_subscription(NOW, ends_at=NOW + 40 * DAY, reason="price"))
    assert (ends.day - TODAY, ends.minor, ends.pays, ends.reason, ends.voluntary) == (40, 0, False, "price", True)
    late = last(bought, a_subscription(NOW - 20 * DAY, status="past_due"))
    assert (late.day - TODAY, late.minor, late.reason, late.voluntary) == (40, 0, "unpaid", False)
    taken_back = [bought, a_subscription(NOW - DAY, ends_at=NOW + 40 * DAY), a_subscription(NOW, ends_at=None)]
    assert steps(*taken_back) == [(-60, "EUR", 100, 0)]


def test_each_leaving_has_its_day_and_its_reason_and_coming_back_is_told_from_coming() -> None:
    rows = rows_of(
        "acme",
        after(
            a_subscription(SIGNED, mrr_minor=100, currency="EUR"),
            a_subscription(NOW - 40 * DAY, status="canceled", reason="price"),
            a_subscription(NOW - 20 * DAY, status="active", mrr_minor=80, reason=None),
            a_subscription(NOW - 5 * DAY, status="unpaid"),
            a_subscription(NOW - 2 * DAY, reason="bankrupt"),
        ).state,
    )
    told = [(row.day - TODAY, row.minor, row.had, row.reason, row.voluntary) for row in rows]
    assert told == [
        (-60, 100, False, None, None),
        (-40, 0, True, "price", True),
        (-20, 80, True, None, None),
        (-5, 0, True, "unpaid", False),
        (-2, 0, True, "bankrupt", False),
    ]
    assert {row.currency for row in rows} == {"EUR"}
    assert [row.until - TODAY for row in rows[:-1]] == [-40, -20, -5, -2]
    assert rows[-1].until == FOREVER


def test_leaving_by_word_ends_what_traits_say_and_a_new_signature_begins_it_again() -> None:
    events = [
        traits(SIGNED, mrr_minor=100, currency="EUR", plan="pro"),
        an_event("account.churned", at=NOW - 30 * DAY, reason="price", voluntary=False),
        traits(NOW - 9 * DAY, mrr_minor=70, signed_at=NOW - 9 * DAY),
        an_event("account.churned", at=NOW - DAY, reason="gone"),
    ]
    for order in permutations(events):
        rows = rows_of("acme", after(*order).state)
        assert [(row.day - TODAY, row.minor, row.reason, row.voluntary) for row in rows] == [
            (-60, 100, None, None),
            (-30, 0, "price", False),
            (-9, 70, None, None),
            (-1, 0, "gone", True),
        ]


def test_currencies_stay_apart_and_who_pauses_brings_nothing() -> None:
    bought = a_subscription(SIGNED, "a", mrr_minor=100, currency="EUR")
    dollars = a_subscription(NOW - 9 * DAY, "b", mrr_minor=50, currency="USD")
    assert steps(bought, dollars) == [(-60, "EUR", 100, 0), (-9, "EUR", 100, 100), (-9, "USD", 50, 0)]
    paused = last(bought, a_subscription(NOW, "a", status="paused"))
    assert (paused.minor, paused.reason, paused.voluntary) == (0, "paused", True)


def test_who_never_brought_anything_has_no_row() -> None:
    assert steps(traits(SIGNED, name="Acme", plan="pro"), a_subscription(NOW, status="trialing", plan="x")) == []


_few: Any = st.sampled_from
_BOUGHT = st.fixed_dictionaries(
    {},
    optional={
        "mrr_minor": _few([None, 0, 100, 250]),
        "currency": _few(["EUR", "USD"]),
        "plan": _few(["pro", "starter"]),
        "status": _few(["active", "past_due", "canceled", "unpaid", "paused", "trialing", "incomplete"]),
        "ends_at": st.integers(-90, 60).map(lambda days: NOW + days * DAY) | st.none(),
        "started_at": st.integers(-200, 0).map(lambda days: NOW + days * DAY),
        "reason": _few(["price", None]),
    },
).filter(bool)


@st.composite
def _histories(draw: st.DrawFn) -> list[Event]:
    found = []
    for n in range(draw(st.integers(1, 6))):
        at = NOW - draw(st.integers(0, 99)) * DAY - draw(st.integers(0, 9)) * DAY / 20
        kind = draw(_few(["subscription", "subscription", "traits", "churned"]))
        if kind == "subscription":
            event = a_subscription(at, draw(_few([None, "a", "b"])), **draw(_BOUGHT))
        elif kind == "traits":
            said = draw(st.fixed_dictionaries({"mrr_minor": _few([None, 70])}, optional={"plan": _few(["pro"])}))
            event = traits(at, currency="EUR", **said, **draw(_few([{}, {"signed_at": at}])))
        else:
            event = an_event("account.churned", at=at, reason="gone")
        found.append(Event(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "id": f"h{n}"}))
    return found


@given(_histories(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_rows_that_are_made_anew_only_since_what_changed_are_those_that_are_made_at_once(
    events: list[Event], random: Any
) -> None:
    random.shuffle(events)
    account, rows = Account("acme"), list[MoneyRow]()
    for event in events:
        fold(account, event, registry.data_of(event))
        pruning.prune(account.state, TODAY)
        if account.bought_since is not None:
            since = since_in_months(account.bought_since, TODAY)
            new = rows_of("acme", account.state, since)
            kept = [row for row in rows if row.day < since]
            until = new[0].day if new else FOREVER
            rows = [row._replace(until=until) if row.until >= since else row for row in kept] + new
            account.bought_since = None
    assert rows == rows_of("acme", account.state)
    for row, after_it in pairwise(rows):
        assert row.until == (after_it.day if row.day < after_it.day else after_it.until)
    profile = profile_of("acme", account.state, NOW, SHIPPED.catalogue)
    now = sum(row.minor for row in rows if row.day <= TODAY < row.until)
    if profile.left is None and not profile.figures.apart and profile.mrr_minor is not None:
        assert now == max(0, profile.mrr_minor)


def test_the_past_is_known_by_day_then_by_month() -> None:
    daily = [a_subscription(NOW - days * DAY, mrr_minor=1_000 - days, currency="EUR") for days in range(900)]
    account = after(*daily)
    pruning.prune(account.state, TODAY)
    assert len(account.state.subscriptions["s1"].said) < 100 + 25 + 2
    rows = rows_of("acme", account.state)
    for first in ("2025-01-01", "2025-07-01", "2026-01-01", "2026-05-19"):
        day = day_of(datetime.fromisoformat(first).replace(tzinfo=UTC))
        (here,) = [row for row in rows if row.day < day <= row.until]
        assert here.minor == 1_000 - (TODAY - day + 1)


@given(
    st.lists(
        st.tuples(st.integers(0, 900), st.sampled_from(["active", "past_due", "paused"])), unique_by=lambda x: x[0]
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=100)
def test_what_is_forgotten_early_and_late_leaves_the_same(said: list[tuple[int, str]], random: Any) -> None:
    events = [
        a_subscription(NOW - days * DAY, mrr_minor=days, currency="EUR", status=status, reason=f"r{days}")
        for days, status in said
    ]
    at_once = after(*events)
    pruning.prune(at_once.state, TODAY)
    random.shuffle(events)
    by_and_by = Account("acme")
    for event in events:
        fold(by_and_by, event, registry.data_of(event))
        pruning.prune(by_and_by.state, TODAY - random.randrange(900))
    pruning.prune(by_and_by.state, TODAY)
    assert by_and_by.state.subscriptions == at_once.state.subscriptions


def test_the_first_contract_of_which_no_start_is_known_holds_since_they_signed() -> None:
    signed = traits(NOW - DAY, name="Acme", signed_at=SIGNED)
    first = a_subscription(NOW - 20 * DAY, "a", mrr_minor=100, currency="EUR")
    second = a_subscription(NOW - 10 * DAY, "b", mrr_minor=50, currency="EUR")
    for order in permutations([signed, first, second]):
        assert steps(*order) == [(-60, "EUR", 100, 0), (-10, "EUR", 150, 100)]
    known = traits(NOW - 40 * DAY, mrr_minor=70, currency="EUR", signed_at=SIGNED)
    assert steps(known, first) == [(-60, "EUR", 70, 0), (-20, "EUR", 100, 70)]
