"""An assessment tells what is new, why, and when to look again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.clock import written
from services.scoring.core.decision import Decision, Occasion
from services.scoring.core.health import health_of
from services.scoring.core.measures import MEASURES
from services.scoring.core.scorecard import Rules, Scorecard, Weighted
from shared.messages.assessments import AccountAssessed, Cause
from tests.support.scoring import (
    BY_TIME,
    BY_USAGE,
    DAY,
    NOW,
    SHIPPED,
    a_pulse,
    a_ticket,
    after,
    an_account,
    an_event,
    an_invoice,
    assessed,
    busy,
    nps,
    told,
    traits,
    usage,
)


def before_of(account: object, **more: object) -> Decision:
    """The first decision about an account."""
    decision = assessed(account, **more).decision  # type: ignore[arg-type]
    assert decision is not None
    return decision


def edited(card: Scorecard) -> Scorecard:
    """The card with a fifth of the weight moved to recency, and the same version."""
    first, second, *rest = card.measures
    moved = min(second.weight, 10)
    measures = (replace(first, weight=first.weight + moved), replace(second, weight=second.weight - moved), *rest)
    return replace(card, measures=measures)


EDITED = Rules(SHIPPED.catalogue, tuple(edited(card) for card in SHIPPED.cards))


CAP = "billing.overdue >= 30 days and billing.beyond_habit >= 15 days"
HARD_TO_PLEASE = Rules(SHIPPED.catalogue, tuple(replace(card, minimum_coverage=9900) for card in SHIPPED.cards))
_ALL = len(MEASURES)


def one_card(measures: list[tuple[int, Any]], version: int = 1) -> Rules:
    """One card with every measure, each with a weight and its answer to what is missing."""
    weighted = [
        Weighted(one.name, weight, one.curve, missing, 10 if missing == "last-known" else 0)
        for one, (weight, missing) in zip(MEASURES.values(), measures, strict=True)
    ]
    return Rules(
        SHIPPED.catalogue, (Scorecard("every", version, "every account", tuple(weighted), minimum_coverage=0),)
    )


def moves(one: AccountAssessed) -> dict[str, int]:
    """Drivers by name."""
    return {driver.name: driver.points for driver in one.drivers}


def test_the_first_assessment_has_rev_1_and_no_drivers() -> None:
    one = told(assessed(an_account(*busy(range(60)))))
    assert (one.rev, one.previous_score, one.previous_band, one.drivers) == (1, None, "unknown", [])
    assert one.scorecard.startswith("adopting@1+")


def test_a_detractor_s_own_words_are_the_reason() -> None:
    account = an_account(*busy(range(60)), an_event("contact.updated", contact_id="c1", role="admin"))
    before = before_of(account)
    answer = nps(2, comment="third time support lost our ticket")
    one = told(assessed(after(answer, account=account), before=before, by=answer))
    (driver,) = one.drivers
    assert driver.reason == 'their admin scored us 2: "third time support lost our ticket"'
    assert driver.events == [f"test {answer.id}"]
    assert driver.points == (one.score or 0) - (before.score or 0) < 0


def test_an_urgent_ticket_says_how_long_it_has_been_open() -> None:
    account = an_account(*busy(range(60)))
    before = before_of(account)
    ticket = a_ticket("T-118", opened_at=NOW - 5 * DAY, priority="urgent")
    opened = assessed(after(ticket, account=account), before=before, by=ticket)
    assert "urgent ticket T-118 open for 5 days" in [driver.reason for driver in told(opened).drivers]
    closed = a_ticket("T-118", type="closed", opened_at=NOW - 5 * DAY, priority="urgent")
    later = told(assessed(after(closed, account=account), before=opened.decision, by=closed))
    assert "urgent ticket T-118 is closed" in [driver.reason for driver in later.drivers]


def test_time_says_what_left_the_window() -> None:
    old = nps(9, contact="a", at=NOW - 179 * DAY)
    account = an_account(*busy(range(60)), old, nps(3, contact="b"))
    before = before_of(account)
    one = told(assessed(account, before=before, now=NOW + DAY))
    reasons = {driver.name: driver.reason for driver in one.drivers}
    assert reasons["feedback.nps"] == "the 9 of their contact of 22 Nov 2025 is past 180 days"


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                nps(0, contact="a"),
                nps(10, contact="b"),
                a_ticket("T1", priority="urgent"),
                a_ticket("T1", type="closed", at=NOW + DAY, priority="urgent"),
                an_invoice(at=NOW - 50 * DAY, due_at=(NOW - 40 * DAY).isoformat()),
                an_invoice("paid", at=NOW),
                usage(NOW, "api", "new"),
                traits(NOW, seats=50),
                traits(NOW, stage="renewal"),
                traits(NOW, stage="onboarding"),
                a_pulse(2),
                an_event("interaction.logged", kind="call"),
                an_event("account.churned", reason="price"),
            ]
        ),
        min_size=1,
        max_size=10,
        unique_by=lambda event: event.id,
    ),
    st.lists(st.integers(0, 5), min_size=10, max_size=10),
)
def test_drivers_sum_to_the_change_that_is_shown_whatever_happens(events: list, days: list[int]) -> None:  # type: ignore[type-arg]
    account = an_account(*busy(range(40)))
    before, now = before_of(account), NOW
    for event, more in zip(events, days, strict=False):
        now += more * DAY
        one = assessed(after(event, account=account), before=before, by=event, now=now)
        new = told(one)
        if new.score is not None and new.previous_score is not None:
            assert sum(moves(new).values()) == new.score - new.previous_score
        else:
            assert new.drivers == []
        assert new.rev == before.rev + 1
        assert one.decision is not None
        before = msgspec.msgpack.decode(msgspec.msgpack.encode(one.decision), type=Decision)


def test_a_cap_is_a_driver_of_its_own_and_so_is_lifting_it() -> None:
    late = an_invoice(at=NOW - 60 * DAY, due_at=(NOW - 29.5 * DAY).isoformat())
    account = an_account(*busy(range(60)), late)
    before = before_of(account)
    outcome = assessed(account, before=before, now=NOW + 0.5 * DAY)
    capped = told(outcome)
    assert capped.score == 7400
    assert CAP in moves(capped)
    paid = an_invoice("paid", at=NOW + 0.6 * DAY)
    lifted = told(assessed(after(paid, account=account), before=outcome.decision, by=paid, now=NOW + 0.6 * DAY))
    assert moves(lifted)[CAP] > 0


def test_below_the_minimum_coverage_a_cap_is_the_score_and_the_driver() -> None:
    """Trouble is trouble, whatever else is known; and the drivers still sum to the change."""
    late = an_invoice(at=NOW - 60 * DAY, due_at=(NOW - 31 * DAY).isoformat())
    account = an_account(*busy(range(60)))
    before = before_of(account, rules=HARD_TO_PLEASE)
    assert before.score is None
    outcome = assessed(after(late, account=account), before=before, by=late, rules=HARD_TO_PLEASE)
    one = told(outcome)
    assert (one.score, one.band, one.drivers) == (7400, "amber", [])
    enough = told(assessed(account, before=outcome.decision, by=Occasion(Cause(kind="scorecard"))))
    assert sum(moves(enough).values()) == (enough.score or 0) - 7400


def test_a_cap_flips_on_the_second_and_the_timer_is_set_for_it() -> None:
    due = NOW - 30 * DAY + timedelta(hours=3, seconds=7)
    account = an_account(*busy(range(60)), an_invoice(at=NOW - 60 * DAY, due_at=due.isoformat()))
    outcome = assessed(account)
    assert outcome.next_at == due + 30 * DAY
    assert told(assessed(account, before=outcome.decision, now=due + 30 * DAY)).score == 7400


def test_a_change_of_scorecard_is_a_driver_of_its_own() -> None:
    account = an_account(*busy(range(40)), an_event("interaction.logged", at=NOW - 50 * DAY, kind="call"))
    before = before_of(account)
    change = traits(NOW, stage="renewal")
    one = told(assessed(after(change, account=account), before=before, by=change))
    assert one.scorecard.startswith("renewal@1+")
    assert {driver.kind for driver in one.drivers} == {"scorecard"}
    assert sum(moves(one).values()) == (one.score or 0) - (before.score or 0)


def test_a_new_version_of_a_card_is_news_of_its_own() -> None:
    account = an_account(*busy(range(40)))
    before = before_of(account)
    newer = Rules(SHIPPED.catalogue, tuple(replace(card, version=2) for card in SHIPPED.cards))
    one = told(assessed(account, before=before, rules=newer, by=Occasion(Cause(kind="scorecard"))))
    assert (one.scorecard.partition("+")[0], one.drivers) == ("adopting@2", [])


def test_weights_that_were_edited_under_the_same_version_are_a_change_of_scorecard() -> None:
    account = an_account(*busy(range(40)), an_event("interaction.logged", at=NOW - 50 * DAY, kind="call"))
    before = before_of(account)
    answer = nps(9, contact="other")
    for by in (Occasion(Cause(kind="scorecard")), BY_TIME, answer):
        one = told(assessed(after(*[answer][: by is answer], account=account), before=before, rules=EDITED, by=by))
        assert one.scorecard != before.scorecard
        assert {driver.name for driver in one.drivers} == {"adopting", *["feedback.nps"][: by is answer]}
        assert sum(moves(one).values()) == (one.score or 0) - (before.score or 0) != 0


_MISSING = ("exclude", "neutral", "worst")


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(_MISSING)), min_size=_ALL, max_size=_ALL),
    st.lists(
        st.tuples(st.integers(1, 50), st.sampled_from((*_MISSING, "last-known"))),
        min_size=len(MEASURES),
        max_size=len(MEASURES),
    ),
)
def test_what_another_card_alone_changes_is_the_card_s_own_doing(old: list, new: list) -> None:  # type: ignore[type-arg]
    pulse = a_pulse(5, at=NOW - 95 * DAY)
    account = an_account(*busy(range(40)), pulse)
    before = before_of(account, rules=one_card(old))
    one = told(assessed(account, before=before, rules=one_card(new, 2), by=Occasion(Cause(kind="scorecard"))))
    assert {driver.kind for driver in one.drivers} <= {"scorecard"}
    assert sum(moves(one).values()) == (one.score or 0) - (before.score or 0)


def test_usage_and_time_tell_nothing_when_no_fact_changed() -> None:
    account = an_account(*busy(range(60)))
    before = before_of(account)
    after(usage(NOW + timedelta(minutes=1), user="u0"), account=account)
    assert assessed(account, before=before, by=BY_USAGE).assessed is None
    assert assessed(account, before=before, by=BY_TIME).assessed is None


def test_the_last_use_is_told_once_an_hour_and_at_midnight_to_the_second() -> None:
    account = an_account(*busy(range(60)))
    decision, heard = before_of(account), []
    for minutes in (1, 20, 59, 61, 90, 119):
        now = NOW + timedelta(minutes=minutes, seconds=7)
        outcome = assessed(after(usage(now, user="u0"), account=account), before=decision, by=BY_USAGE, now=now)
        decision = outcome.decision
        heard += [minutes] if outcome.assessed is not None else []
    assert heard == [61]
    midnight = datetime(2026, 5, 21, tzinfo=UTC)
    at_last = assessed(account, before=decision, now=midnight)
    assert told(at_last).facts["usage.last_seen_at"] == "2026-05-20T13:59:07Z"
    assert assessed(account, before=at_last.decision, now=midnight + timedelta(hours=1)).assessed is None


def test_usage_tells_of_a_new_user() -> None:
    account = an_account(*busy(range(60)))
    before = before_of(account)
    after(usage(NOW, user="new"), account=account)
    assert told(assessed(account, before=before, by=BY_USAGE)).facts["usage.active_users"] == 9


def test_an_event_is_told_even_when_it_changes_nothing() -> None:
    account = an_account(*busy(range(60)))
    again = an_event("interaction.logged", at=NOW - 9 * DAY, kind="call")
    before = before_of(after(again, account=account))
    outcome = assessed(after(again, account=account), before=before, by=again)
    assert told(outcome).rev == 2
    assert outcome.for_ledger


def test_an_account_that_changes_its_book_is_in_the_ledger_though_its_score_stands() -> None:
    account = an_account(stage="onboarding", owner="ada@us")
    first = assessed(account)
    assert (first.for_ledger, first.for_days) == (True, True)
    unmoved = assessed(account, before=first.decision, by=usage())
    assert (unmoved.for_ledger, unmoved.for_days) == (True, False), "an event is always in it"
    after(traits(NOW, owner="ben@us"), account=account)
    moved = assessed(account, before=first.decision, by=Occasion(Cause(kind="history"), found_in="i1"))
    assert (moved.for_ledger, moved.for_days) == (True, False)
    again = assessed(account, before=moved.decision, by=Occasion(Cause(kind="history"), found_in="i1"))
    assert (again.for_ledger, again.for_days) == (False, False)


def test_midnight_is_looked_at_where_anything_is_dated() -> None:
    assert assessed(an_account()).next_at == datetime(2026, 5, 21, tzinfo=UTC)
    assert assessed(after(traits(name="Bare"))).next_at is None


def test_the_end_of_a_pulse_is_looked_at_on_the_second() -> None:
    at = NOW - 90 * DAY + timedelta(hours=1)
    account = an_account(a_pulse(4, at=at))
    assert assessed(account).next_at == at + 90 * DAY


def test_the_end_of_what_was_last_known_of_a_pulse_is_looked_at_on_the_second() -> None:
    at = NOW - 99 * DAY - timedelta(hours=23)
    account = an_account(*busy(range(40)), a_pulse(2, at=at))
    rules = one_card([(10, "last-known")] * len(MEASURES))
    first = assessed(account, rules=rules)
    assert first.next_at == at + 100 * DAY
    gone = told(assessed(account, before=first.decision, rules=rules, now=at + 100 * DAY))
    assert [driver.name for driver in gone.drivers] == ["relationship.pulse"]


def test_to_unknown_there_are_no_drivers_only_the_reason() -> None:
    account = an_account(*busy(range(60)))
    before = before_of(account)
    one = told(assessed(account, before=before, rules=HARD_TO_PLEASE, by=Occasion(Cause(kind="scorecard"))))
    assert (one.score, one.band, one.drivers) == (None, "unknown", [])
    assert "99 % is needed" in one.unknown["health.score"]


def test_found_in_and_open_imports_travel() -> None:
    asked = Occasion(Cause(kind="history"), imports=("i2",), found_in="i1", act_on_found=True)
    one = told(assessed(an_account(), by=asked))
    assert (one.imports, one.found_in, one.act_on_found) == (["i2"], "i1", True)


@pytest.mark.parametrize(
    ("event", "gone"),
    [(an_event("account.merged", into="other"), "merged"), (an_event("account.erased"), "erased")],
)
def test_of_an_account_that_is_gone_it_is_told_why_and_no_fact_but_its_name(event, gone: str) -> None:  # type: ignore[no-untyped-def]
    account = an_account(*busy(range(60)))
    assert told(assessed(account)).gone is None
    one = told(assessed(after(event, account=account)))
    assert one.gone == gone
    assert set(one.facts) <= {"account.id", "account.name", "health.band", "health.previous_band", "health.coverage"}
    assert one.score is None


def test_a_subscription_that_is_on_again_takes_the_leaving_back() -> None:
    left = an_event("account.churned", at=NOW - 5 * DAY)
    again = an_event("subscription.changed", at=NOW, mrr_minor=1, currency="EUR", plan="pro", seats=1)
    ended = an_event(
        "subscription.changed", at=NOW, mrr_minor=1, currency="EUR", plan="pro", seats=1, status="canceled"
    )
    churned = [
        health_of(an_account(*some), NOW, SHIPPED).facts["account.churned"] for some in ([left], [left, again], [ended])
    ]
    assert churned == [True, False, True]


@pytest.mark.parametrize(
    ("days", "left"),
    [
        ({"left": 130, "on": 100, "off": 5}, 5),
        ({"left": 130, "off": 100, "on": 50}, None),
        ({"on": 130, "left": 100, "off": 5}, 100),
        ({"off": 130, "on": 100, "left": 5}, 5),
        ({"off": 130, "on": 100, "off again": 5}, 5),
        ({"on": 130, "off": 100, "left": 5}, 100),
    ],
)
def test_who_left_twice_left_when_they_left_the_second_time(days: dict[str, int], left: int | None) -> None:
    plain: dict[str, Any] = {"mrr_minor": 1, "currency": "EUR", "plan": "pro", "seats": 1}
    events = []
    for what, back in days.items():
        status = {"on": "active", "off": "canceled", "off again": "canceled"}.get(what)
        at = NOW - back * DAY
        events.append(
            an_event("subscription.changed", at=at, status=status, **plain)
            if status
            else an_event("account.churned", at=at)
        )
    for order in permutations(events):
        expected = None if left is None else written(NOW - left * DAY)
        assert health_of(an_account(*order), NOW, SHIPPED).facts.get("account.churned_at") == expected


@pytest.mark.parametrize(
    ("known", "stage"),
    [
        ({"renews_at": NOW + 120 * DAY}, "renewal"),
        ({"renews_at": NOW + 121 * DAY}, "adopting"),
        ({"renews_at": NOW - 300 * DAY}, "renewal"),
        ({"signed": NOW - 60 * DAY}, "onboarding"),
        ({"signed": NOW - 61 * DAY}, "adopting"),
        ({"signed": NOW - 365 * DAY}, "mature"),
        ({"signed": NOW - 10 * DAY, "renews_at": NOW + 5 * DAY}, "onboarding"),
        ({"stage": "mature"}, "mature"),
    ],
)
def test_the_stage_follows_from_the_dates_unless_the_trait_is_set(known, stage: str) -> None:  # type: ignore[no-untyped-def]
    assert health_of(an_account(**known), NOW, SHIPPED).facts["account.stage"] == stage


def test_an_assessment_stays_small_however_long_the_traits_are() -> None:
    names = [f"note_{n}" for n in range(90)]
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, traits=dict.fromkeys(names, "list")))
    account = an_account(*(an_event("account.updated", traits={name: ["é" * 100] * 5}) for name in names))
    one = told(assessed(account, rules=rules))
    assert len(msgspec.json.encode(one)) < 256 * 1024
    assert one.facts["account.traits.note_89"] == ["é" * 100] * 5
