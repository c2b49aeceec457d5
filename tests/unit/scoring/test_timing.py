"""An account is looked at again on every day on which time alone changes something, and on few others."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core.catalogue import CADENCES
from services.scoring.core.clock import day_of, midnight_after
from services.scoring.core.decision import Changes
from services.scoring.core.health import health_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from services.scoring.core.timing import next_look
from shared.messages.envelope import Event
from shared.messages.stamps import instant_of, micros
from tests.support.histories import some_events
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_contact,
    a_subscription,
    a_talk,
    a_ticket,
    after,
    an_account,
    an_invoice,
    busy,
    csat,
    nps,
    traits,
    usage,
)

TODAY: Final = day_of(NOW)
_ODD: Final = replace(
    SHIPPED.catalogue,
    closed=tuple(range(TODAY + 300, TODAY + 330)),
    cadence={"pro": CADENCES["monthly"], "starter": CADENCES["quarterly"]},
    sources={"usage": TODAY - 200, "tickets": TODAY + 20, "interactions": TODAY - 10},
    watch=("reports",),
    allowances={"pro": {"reports": 10.0}},
    rates={"EUR": Fraction(1), "JPY": Fraction(1, 160)},
)
_BY_FEATURE: Final = replace(_ODD, cadence={"api": CADENCES["monthly"], "reports": CADENCES["quarterly"]})
CATALOGUES: Final = (SHIPPED, Rules(_ODD, SHIPPED.cards), Rules(_BY_FEATURE, SHIPPED.cards))
SIGNED: Final = st.sampled_from([None, -800, -364, -90, -30, 5])


def _look(account: Account, now: datetime, rules: Rules = SHIPPED) -> datetime | None:
    return next_look(health_of(account, now, rules), rules, Changes())


@settings(max_examples=150)
@given(
    some_events(),
    SIGNED,
    st.sampled_from(CATALOGUES),
    st.integers(0, 700),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=6),
)
def test_nothing_changes_before_the_instant_that_is_looked_at(
    events: list[Event], signed: int | None, rules: Rules, days: int, shares: list[float]
) -> None:
    account = after(*events)
    if signed is not None:
        after(traits(NOW - 1.5 * DAY, signed_at=NOW + signed * DAY, seats=5), account=account)
    now = NOW + days * DAY
    here, at = health_of(account, now, rules), _look(account, now, rules)
    until = now + 900 * DAY if at is None else at
    last = until - timedelta(microseconds=1)
    midnights = day_of(last) - day_of(now)
    some = [midnight_after(now) + int(share * midnights) * DAY for share in shares if midnights]
    for then in [last, *some]:
        later = health_of(account, then, rules)
        assert (later.facts, later.score) == (here.facts, here.score), (now, then, at)
        assert later.card == here.card or not here.readings


@pytest.mark.parametrize(
    "event",
    [
        usage(NOW - 80 * DAY),
        nps(9, at=NOW - 150 * DAY),
        csat(4, at=NOW - 80 * DAY),
        a_ticket(at=NOW - 80 * DAY),
        an_invoice("paid", at=NOW - 150 * DAY, due_at=(NOW - 150 * DAY).isoformat()),
        a_talk(at=NOW - 100 * DAY),
        traits(NOW - 80 * DAY, mrr_minor=100),
    ],
    ids=lambda event: event.type,
)
def test_while_anything_dated_is_in_a_window_every_midnight_is_looked_at_and_then_none(event: Event) -> None:
    account = after(event)
    assert _look(account, NOW) == midnight_after(NOW)
    assert _look(account, NOW + 200 * DAY) is None


def test_who_is_long_gone_is_looked_at_no_more() -> None:
    account = an_account(*busy(range(60)), a_contact(role="champion"), a_ticket(), signed=NOW - 500 * DAY)
    assert _look(account, NOW + 150 * DAY) == midnight_after(NOW + 150 * DAY)
    assert _look(account, NOW + 190 * DAY) is None
    assert health_of(account, NOW + 900 * DAY, SHIPPED).facts["usage.silence"] == 65


def test_of_who_tried_it_out_nothing_is_left_to_count_after_a_quarter() -> None:
    account = after(*busy(range(10)))
    assert _look(account, NOW + 90 * DAY) == midnight_after(NOW + 90 * DAY)
    assert _look(account, NOW + 92 * DAY) is None


def test_a_plan_that_is_used_once_a_month_has_missed_cycles_to_count_for_longer() -> None:
    rules = Rules(replace(SHIPPED.catalogue, cadence={"pro": CADENCES["monthly"]}), SHIPPED.cards)
    account = an_account(usage(), signed=NOW - 500 * DAY)
    assert _look(account, NOW + 370 * DAY, rules) == midnight_after(NOW + 370 * DAY)
    assert _look(account, NOW + 380 * DAY, rules) is None


def test_of_who_is_silent_the_day_on_which_a_stage_or_a_contract_turns_is_looked_at() -> None:
    renews = NOW + 700 * DAY
    account = an_account(
        a_subscription(NOW - 300 * DAY, mrr_minor=100, term_months=24, renews_at=renews), signed=NOW - 10 * DAY
    )
    seen, now = [], NOW + 200 * DAY
    while (at := _look(account, now)) is not None and at < renews + 2 * DAY:
        seen.append((at - NOW).days + 1)
        now = at
    assert seen == [355, 580, 700, 701]
    assert _look(account, renews - 1 * DAY) == instant_of(micros(midnight_after(renews - DAY)))
