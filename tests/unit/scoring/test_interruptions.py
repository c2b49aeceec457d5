"""When a source counts as interrupted, and what that does to an account."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.assess import assess
from services.scoring.core.clock import day_of
from services.scoring.core.health import health_of
from services.scoring.core.interruptions import WEEK, Interruption, hour_of, judge, lost_days, usual
from tests.support.scoring import (
    BY_TIME,
    DAY,
    NOW,
    SHIPPED,
    a_talk,
    a_ticket,
    after,
    an_account,
    assessed,
    busy,
    rules_of_one,
    told,
    usage,
)

HOUR = hour_of(NOW)


def sent(now: int, *weeks: int) -> dict[str, dict[int, int]]:
    """In this hour, and in the same of the weeks before, the last first."""
    return {"usage": {HOUR - back * WEEK: events for back, events in enumerate((now, *weeks))}}


def test_a_source_is_interrupted_below_a_fifth_of_what_is_usual() -> None:
    (one,) = judge(sent(39, 200, 200, 200, 200), HOUR, (), ()).interrupted
    assert (one.source, one.since, one.sent, one.usual) == ("usage", HOUR, 39, 200)
    assert not judge(sent(40, 200, 200, 200, 200), HOUR, (), ()).interrupted


def test_few_events_say_nothing() -> None:
    assert not judge(sent(0, 99, 99, 99, 99), HOUR, (), ()).changed
    assert judge(sent(0, 100, 100, 100, 100), HOUR, (), ()).changed


def test_a_new_installation_is_never_interrupted() -> None:
    assert not judge({}, HOUR, (), ()).interrupted
    assert not judge(sent(0, 5000), HOUR, (), ()).interrupted
    assert judge(sent(0, 5000, 5000), HOUR, (), ()).interrupted


def test_it_lasts_until_an_hour_that_says_something_reaches_a_fifth() -> None:
    before = (Interruption("usage", HOUR - 3),)
    assert judge(sent(50, 60, 60, 60, 60), HOUR, before, ()).interrupted == before
    assert judge(sent(10, 200, 200, 200, 200), HOUR, before, ()).interrupted == before
    over = judge(sent(40, 200, 200, 200, 200), HOUR, before, ())
    assert over.interrupted == ()
    assert over.changed == (Interruption("usage", HOUR - 3, HOUR),)


def test_interrupted_weeks_and_closed_days_are_not_usual() -> None:
    week_ago = Interruption("usage", HOUR - WEEK, HOUR - WEEK + 1)
    assert usual(sent(0, 0, 200, 300, 0)["usage"], HOUR, [week_ago], [(HOUR - 4 * WEEK) // 24]) == 250


def test_on_a_closed_day_none_begins_and_one_may_end() -> None:
    today = [HOUR // 24]
    assert not judge(sent(0, 200, 200, 200, 200), HOUR, (), today).changed
    assert judge(sent(200, 200, 200, 200, 200), HOUR, [Interruption("usage", HOUR - 1)], today).changed


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5), st.booleans())
def test_looking_twice_says_the_same_and_changes_nothing(events: list[int], was: bool) -> None:
    past = [Interruption("usage", HOUR - 1)] if was else []
    first = judge(sent(*events), HOUR, past, ())
    again = judge(sent(*events), HOUR, [*first.changed, *first.interrupted], ())
    assert again.interrupted == first.interrupted
    assert again.changed == ()


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.integers(0, 1000), st.integers(0, 1000))
def test_who_sends_more_is_not_interrupted_sooner(weeks: list[int], some: int, more: int) -> None:
    few, many = sorted((some, more))
    if judge(sent(many, *weeks), HOUR, (), ()).interrupted:
        assert judge(sent(few, *weeks), HOUR, (), ()).interrupted


# What it does to an account.

FRIDAY = NOW + 2 * DAY


def test_a_broken_sdk_release_does_not_turn_the_book_red() -> None:
    account = an_account(*busy(range(60)))
    before = assessed(account)
    since = {"usage": NOW}
    later = NOW + 35 * DAY
    silent = assess(account, before.decision, BY_TIME, later, SHIPPED).decision
    kept = assess(account, before.decision, BY_TIME, later, SHIPPED, interrupted=since)
    assert silent.band == "red"
    assert (kept.decision.band, kept.decision.score) == (before.decision.band, before.decision.score)
    recency = kept.health.readings["usage.recency"]
    assert recency.interrupted_since == NOW
    assert recency.words == "in use; kept since Wed 20 May 2026, 12:00 UTC: usage interrupted"


def test_days_in_which_nobody_could_be_heard_of_are_no_silence_when_the_source_is_back() -> None:
    account = an_account(*busy(range(60)))
    before = assessed(account)
    outage = [Interruption("usage", hour_of(NOW + DAY), hour_of(NOW + 27 * DAY))]
    rules = SHIPPED.leaving_out(lost_days(outage, "usage"))
    after(*(usage(NOW + 27 * DAY, "reports", f"u{user}") for user in range(8)), account=account)
    # Of ten who use it daily one had not come back the day after; and one had stopped a fortnight before it began.
    other, gone = an_account(*busy(range(60))), an_account(*busy(range(18, 80)))
    for one in (account, other):
        back = assess(one, before.decision, BY_TIME, NOW + 28 * DAY, rules)
        assert back.decision.band == before.decision.band == "green"
    assert assess(other, before.decision, BY_TIME, NOW + 28 * DAY, SHIPPED).decision.band == "red"
    assert assess(gone, None, BY_TIME, NOW + 31 * DAY, rules).decision.band == "red"


def test_days_are_lost_from_the_first_hour_to_the_last() -> None:
    past = [Interruption("usage", 23, 25), Interruption("tickets", 96, 97), Interruption("usage", 24 * 9, None)]
    assert lost_days(past, "usage") == (0, 1)


def test_a_reading_that_is_kept_is_that_of_when_it_began_the_day_with_it() -> None:
    rules = rules_of_one("usage.recency", "contract.change", caps={"usage.silence >= 15 working days": "red"})
    account = an_account(*busy(range(21, 81)))
    lost = lost_days([Interruption("usage", hour_of(NOW))], "usage")
    before = health_of(account, NOW, rules)
    kept = health_of(account, NOW + 5 * DAY, rules.leaving_out(lost), interrupted={"usage": NOW})
    assert before.score.cap is not None
    assert (kept.score.points, kept.score.cap) == (before.score.points, before.score.cap)


def test_who_never_used_it_could_not_while_nobody_was_heard_of() -> None:
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, sources={"usage": day_of(NOW - 27 * DAY)}))
    outage = [Interruption("usage", hour_of(NOW), hour_of(NOW + 5 * DAY))]
    account, later = an_account(), NOW + 6 * DAY
    assert health_of(account, later, rules).facts["usage.never"] == 33
    assert health_of(account, later, rules.leaving_out(lost_days(outage, "usage"))).facts["usage.never"] == 27


def test_caps_stay_as_they_were_whatever_the_clock_says() -> None:
    rules = rules_of_one("usage.recency", caps={"days_since usage.last_seen_at >= 5": "red"})
    account = an_account(usage(NOW))
    kept = health_of(account, NOW + 20 * DAY, rules, interrupted={"usage": NOW + DAY})
    assert kept.score.cap is None
    held = health_of(account, NOW + 20 * DAY, rules, interrupted={"usage": NOW + 6 * DAY})
    assert held.score.cap is not None


def test_other_sources_are_read_as_ever() -> None:
    account = an_account(*busy(range(60)), a_ticket(priority="urgent", at=NOW))
    interrupted = health_of(account, FRIDAY, SHIPPED, interrupted={"usage": NOW})
    assert interrupted.readings["support.urgent"] == health_of(account, FRIDAY, SHIPPED).readings["support.urgent"]


def test_what_an_interruption_moves_is_a_line_of_its_own_and_no_change_of_health() -> None:
    account = an_account(*busy(range(60)))
    before = assessed(account).decision
    kept = assess(account, before, BY_TIME, NOW + 10 * DAY, SHIPPED, interrupted={"usage": NOW})
    back = assess(account, kept.decision, BY_TIME, NOW + 21 * DAY, SHIPPED)
    drivers = told(back).drivers
    assert {driver.kind for driver in drivers} <= {"interruption", "cap"}
    assert sum(driver.points for driver in drivers) == (back.decision.score or 0) - (kept.decision.score or 0) < 0
    assert told(back).facts["health.change.30d"] == 0


def test_a_source_that_is_back_moves_no_cap_that_counts_while_another_is_not() -> None:
    rules = rules_of_one(
        "usage.recency", "contract.change", "support.urgent", caps={"usage.silence >= 15 working days": "red"}
    )
    account = an_account(*busy(range(60)), a_ticket(at=NOW - 3 * DAY))
    before, both = assessed(account, rules=rules).decision, {"usage": NOW, "tickets": NOW}
    kept = assess(account, before, BY_TIME, NOW + 29 * DAY, rules, interrupted=both).decision
    back = told(assess(account, kept, BY_TIME, NOW + 30 * DAY, rules, interrupted={"tickets": NOW}))
    assert "cap" in {driver.kind for driver in back.drivers}
    assert back.facts["health.change.30d"] == 0


def test_who_is_looked_at_meanwhile_is_looked_at_again_when_it_may_be_over() -> None:
    account = an_account(usage(NOW - 300 * DAY))
    outcome = assess(account, None, BY_TIME, NOW, SHIPPED, interrupted={"usage": NOW - DAY})
    assert outcome.next_at is not None
    assert outcome.next_at <= NOW + DAY


def test_days_on_which_nobodys_interactions_were_heard_of_are_no_silence() -> None:
    at = hour_of(NOW - 20 * DAY)
    lost = lost_days([Interruption("interactions", at, at + 48)], "interactions")
    rules, account = rules_of_one("relationship.silence"), an_account(a_talk(at=NOW - 40 * DAY))
    without = rules.leaving_out((), lost)
    assert health_of(account, NOW, rules).readings["relationship.silence"].raw == 40
    found = health_of(account, NOW, without)
    assert (found.readings["relationship.silence"].raw, len(lost)) == (37, 3)
    assert (found.facts["relationship.last_interaction_at"], found.facts["relationship.silent_since"]) == (
        "2026-04-10T12:00:00Z",
        "2026-04-13T12:00:00Z",
    )
    just = health_of(an_account(a_talk(at=NOW - 21 * DAY)), NOW - 18 * DAY, without).facts
    assert just["relationship.silent_since"] == "2026-05-02T00:00:00Z"
