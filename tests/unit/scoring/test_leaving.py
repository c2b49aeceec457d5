"""Who leaves, what was open then, and who comes back."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.core.leaving import left_behind
from services.scoring.core.profile import profile_of
from services.scoring.core.state import Account
from shared.messages.envelope import Event
from shared.messages.stamps import micros
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_contact,
    a_subscription,
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
)

_HOUR = timedelta(hours=1)


def left(at: int = 0, reason: str = "price", **said: Any) -> Event:
    return an_event("account.churned", id=f"left{at}", at=NOW + at * DAY, reason=reason, **said)


def came_back(account: Account, days: int) -> int | None:
    return profile_of(account.id, account.state, NOW + days * DAY, SHIPPED.catalogue).came_back_at


def test_what_was_open_when_they_left_is_told_the_worst_first_whatever_became_of_it_since() -> None:
    account = an_account(
        a_ticket("T1", at=NOW - 9 * DAY, priority="low"),
        a_ticket("T2", at=NOW - 5 * DAY, priority="urgent"),
        a_ticket("T3", type="closed", at=NOW - 3 * DAY),
        an_invoice("issued", "I1", at=NOW - 40 * DAY, amount_minor=84_000, currency="EUR"),
        a_contact("c1", "admin"),
        nps(2, at=NOW - 4 * DAY, comment="too slow"),
        nps(9, contact="c2", at=NOW - 4 * DAY),
        # Afterwards they are tidied up.
        a_ticket("T2", type="closed", at=NOW + 2 * DAY, priority="urgent", opened_at=NOW - 5 * DAY),
        an_invoice("paid", "I1", at=NOW + 3 * DAY, amount_minor=84_000, currency="EUR"),
    )
    behind = left_behind(account, micros(NOW))
    assert [ticket.id for ticket in behind.tickets] == ["T2", "T1"]
    assert [(one.id, one.amount_minor) for one in behind.invoices] == [("I1", 84_000)]
    assert behind.in_words(7_200) == (
        'last score 72; 2 tickets open, 1 of them urgent; €840 unpaid; their admin scored us 2: "too slow"'
    )


def test_what_came_later_and_whoever_had_gone_before_is_not_among_it() -> None:
    account = an_account(
        an_invoice("issued", "later", at=NOW + DAY, amount_minor=500, currency="EUR"),
        an_invoice("issued", "I1", at=NOW - 9 * DAY, amount_minor=900, currency="EUR"),
        an_invoice("payment_failed", "I1", at=NOW + DAY, amount_minor=900, currency="EUR"),
        nps(1, contact="long ago", at=NOW - 300 * DAY),
        nps(2, contact="gone", at=NOW - 40 * DAY),
        a_contact("gone", "left", at=NOW - 20 * DAY),
        nps(0, contact="boss", at=NOW + DAY, comment="too expensive"),
    )
    behind = left_behind(account, micros(NOW))
    assert [one.id for one in behind.invoices] == ["I1"]
    assert [one.contact_id for one in behind.detractors] == ["boss"]


def test_of_an_invoice_that_was_credited_in_part_the_rest_was_open() -> None:
    credit = an_event("invoice.credited", at=NOW - DAY, invoice_id="I1", amount_minor=4_000, currency="EUR")
    account = an_account(an_invoice("issued", "I1", at=NOW - 9 * DAY, amount_minor=10_000, currency="EUR"), credit)
    assert [one.amount_minor for one in left_behind(account, micros(NOW)).invoices] == [6_000]


def test_who_comes_back_starts_anew_and_it_is_said_when() -> None:
    account = an_account(*busy(range(60)), nps(9))
    first = assessed(account)
    gone = assessed(after(left(), account=account), before=first.decision, by=left())
    assert (told(gone).score, told(gone).drivers) == (None, [])
    assert gone.reason == 'left on 20 May 2026 because "price"'
    back = traits(NOW + 3 * DAY, signed_at=NOW + 3 * DAY)
    again = assessed(after(back, account=account), before=gone.decision, by=back, now=NOW + 3 * DAY)
    assert again.assessed is not None
    assert (told(again).facts["account.churned"], told(again).drivers) == (False, [])
    assert str(told(again).facts["account.came_back_at"]).startswith("2026-05-23")
    assert again.reason == "came back on 23 May 2026"
    assert again.for_ledger
    once_more = left(9, "moved")
    third = assessed(after(once_more, account=account), before=again.decision, by=once_more, now=NOW + 9 * DAY)
    assert third.reason == 'left on 29 May 2026 because "moved"'
    assert "account.came_back_at" not in told(third).facts


def test_a_subscription_that_becomes_live_after_they_left_brings_them_back() -> None:
    account = an_account(a_subscription(NOW - 99 * DAY, "a", mrr_minor=500), left())
    assert came_back(account, 1) is None
    after(a_subscription(NOW + 5 * DAY, "b", mrr_minor=900, status="active"), account=account)
    assert came_back(account, 6) == micros(NOW + 5 * DAY)


def test_whoever_came_back_did_so_though_what_brought_them_back_has_ended() -> None:
    account = an_account(
        a_subscription(NOW - 50 * DAY, "b", mrr_minor=500, status="active"),
        left(),
        a_subscription(NOW + 5 * DAY, "a", mrr_minor=900, status="active"),
        a_subscription(NOW + 9 * DAY, "a", status="canceled"),
    )
    assert came_back(account, 10) == micros(NOW + 5 * DAY)


def test_what_takes_the_place_of_another_is_no_coming_back() -> None:
    account = an_account(
        a_subscription(NOW - 99 * DAY, "a", mrr_minor=500),
        a_subscription(NOW, "a", status="canceled"),
        a_subscription(NOW + _HOUR, "b", mrr_minor=900, started_at=NOW.isoformat(), status="active"),
    )
    assert came_back(account, 6) is None


@given(st.permutations(range(6)))
def test_whoever_left_and_came_back_did_so_in_whatever_order_it_is_told(order: list[int]) -> None:
    events = [
        traits(NOW - 99 * DAY, signed_at=NOW - 99 * DAY),
        a_subscription(NOW - 99 * DAY, "a", mrr_minor=500),
        left(),
        a_subscription(NOW + DAY / 2, "a", status="canceled"),
        a_subscription(NOW + 5 * DAY, "b", mrr_minor=900, status="active"),
        nps(3, at=NOW - DAY),
    ]
    account = after(*(events[place] for place in order))
    assert came_back(account, 6) == micros(NOW + 5 * DAY)
