"""State is a function of the set of events: neither order, nor batches, nor repeats can be seen in it."""

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.core import state as s
from services.scoring.core.clock import day_of, day_of_us
from services.scoring.core.fingerprint import fingerprint_of
from services.scoring.core.fold import fold_usage
from services.scoring.core.health import health_of
from services.scoring.core.packing import canonical, decode, encode
from services.scoring.core.pruning import prune
from services.scoring.core.state import Account, Uses
from services.scoring.core.usagedays import rows_of, together
from shared.messages import registry
from shared.messages.assessments import FactValue
from shared.messages.envelope import Event
from tests.support.histories import some_events
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_ticket,
    after,
    an_account,
    an_event,
    an_invoice,
    nps,
    traits,
    usage,
)
from tests.support.verify import seen

TODAY = day_of(NOW)


@settings(max_examples=120)
@given(some_events(), st.data())
def test_any_order_any_batches_and_any_repeats_leave_the_same_bytes_points_and_score(
    events: list[Event], data: st.DataObject
) -> None:
    repeated = events + (data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else [])
    shuffled = data.draw(st.permutations(repeated))
    cuts = sorted({0, len(shuffled), *data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4))})
    once = seen([events])
    again = seen([shuffled[a:b] for a, b in pairwise(cuts)])
    assert fingerprint_of(once, NOW, SHIPPED) == fingerprint_of(again, NOW, SHIPPED)
    one, other = health_of(once, NOW, SHIPPED), health_of(again, NOW, SHIPPED)
    assert (one.readings, one.facts, one.score) == (other.readings, other.facts, other.score)


@settings(max_examples=100)
@given(some_events(), st.lists(st.integers(0, 400), max_size=4))
def test_forgetting_often_is_forgetting_once(events: list[Event], days: list[int]) -> None:
    often, once = after(*events), after(*events)
    for day in sorted(days):
        prune(often.state, TODAY + day, often.forgotten)
    then = NOW + max(days, default=0) * DAY
    assert fingerprint_of(often, then, SHIPPED) == fingerprint_of(once, then, SHIPPED)


def test_usage_by_day_is_the_same_whenever_it_was_forgotten_and_whichever_names_came_first() -> None:
    names = [f"f{n:04}" for n in range(s.MOST_FEATURES + 50)]
    used = [usage(NOW - days * DAY, name, quantity=0.5) for name in names for days in (5, 120, 380, 401)]
    once = after(*used)
    for order in (used, used[::-1]):
        often = Account("acme")
        for place in range(0, len(order), 90):
            after(*order[place : place + 90], account=often)
            prune(often.state, TODAY, often.forgotten)
        assert {row.day for row in rows_of(often, TODAY)} == {TODAY - 120, TODAY - 380}
        assert fingerprint_of(often, NOW, SHIPPED) == fingerprint_of(once, NOW, SHIPPED)
        rows = [(day, feature, uses.events, uses.quantity) for (day, feature), uses in often.forgotten.items()]
        often.forgotten.clear()
        assert together(often, rows) == together(once, ())
        assert together(often, rows)[TODAY - 120, s.OTHER] == Uses(50, 50 * s.MILLIONTHS // 2)


def test_a_batch_of_usage_folds_like_its_events_one_by_one() -> None:
    events = [usage(NOW - d * DAY, f"f{d % 3}", f"u{d % 4}", d / 7) for d in range(40)]
    together = Account("acme")
    fold_usage(together, [(e.time, registry.data_of(e)) for e in events])
    assert canonical(together, TODAY) == canonical(after(*events), TODAY)
    assert together.touched == {("users", user) for user in ("u0", "u1", "u2", "u3")}


def test_quantities_are_kept_to_millionths_so_that_sums_do_not_depend_on_order() -> None:
    account = after(usage(quantity=0.1), usage(quantity=0.2))
    assert account.state.usage["reports"][TODAY].quantity == 300_000


def test_a_user_counts_on_the_last_active_day_only() -> None:
    account = after(
        usage(NOW - 3 * DAY, user="a"), usage(NOW, user="a"), usage(NOW - DAY, user="a"), usage(NOW, user="b")
    )
    assert account.state.people == {TODAY: 2}


def test_what_integrations_and_agents_do_is_kept_apart_and_makes_no_user() -> None:
    bot = [usage(NOW, user="bot", actor="integration"), usage(NOW, user="bot", actor="agent")]
    state = after(usage(NOW - DAY), *bot, *bot[1:]).state
    assert state.automatic == {"integration": {TODAY: 1}, "agent": {TODAY: 2}}
    assert (state.usage["reports"][TODAY].events, state.uses) == (3, 4)
    assert (state.people, day_of_us(state.last_used_by_people), day_of_us(state.last_used)) == (
        {TODAY - 1: 1},
        TODAY - 1,
        TODAY,
    )
    assert not after(*bot).state.last_used_by_people


def test_features_beyond_the_bound_share_one_bucket_in_any_order() -> None:
    names = [f"f{n:04}" for n in range(s.MOST_FEATURES + 50)]
    forth, back = (after(*(usage(feature=name) for name in order)) for order in (names, names[::-1]))
    assert canonical(forth, TODAY) == canonical(back, TODAY)
    assert forth.state.usage[s.OTHER][TODAY] == Uses(50, 50 * s.MILLIONTHS)


def test_contacts_beyond_the_bound_are_the_same_in_any_order_whoever_is_erased_between() -> None:
    names = [f"c{n:04}" for n in range(s.MOST_CONTACTS + 5)]
    events = [an_event("contact.updated", contact_id=name, role="admin") for name in names]
    events += [an_event("contact.erased", contact_id=name) for name in [*names[:9], "never seen"]]
    first = after(*events)
    assert len(first.state.contacts) + len(first.state.erased_contacts) >= s.MOST_CONTACTS
    for seed in range(4):
        random.Random(seed).shuffle(events)
        assert canonical(after(*events), TODAY) == canonical(first, TODAY)
    live = set(first.state.contacts)
    assert live.isdisjoint(names[:9])
    again = after(*(event for event in events if event.type == "contact.updated"), account=first)
    assert set(again.state.contacts) == live


def test_the_later_trait_stands_and_null_clears_it() -> None:
    account = after(
        traits(NOW - DAY, name="New", segment="smb"), traits(NOW - 2 * DAY, name="Old"), traits(NOW, segment=None)
    )
    assert (account.state.traits["name"].value, account.state.traits["segment"].value) == ("New", None)


def test_a_whole_number_that_is_too_large_for_others_is_kept_as_text() -> None:
    """Ingest takes none; what came before it refused them is folded."""
    account = after(traits(big=10**40))
    assert decode(encode(account.state)).traits["traits.big"].value == str(10**40)


@pytest.mark.parametrize(
    "value",
    [
        {"a": True, "b": [1, {"c": None}]},
        [1, 2.5, "x", {"y": 1}],
        list(range(100)),
        "x" * 1000,
        2**53,
        -1.5,
        {},
        [],
        "",
    ],
    ids=str,
)
def test_a_trait_is_kept_as_it_was_sent(value: Any) -> None:
    account = after(traits(own=value), an_event("contact.updated", contact_id="kim", traits={"own": value}))
    state = decode(encode(account.state))
    assert state.traits["traits.own"].value == value
    rules = replace(SHIPPED, catalogue=replace(SHIPPED.catalogue, traits={"own": "list"}))
    facts = health_of(account, NOW, rules).facts
    assert msgspec.convert(facts, dict[str, FactValue]) == facts
    assert state.contacts["kim"]["traits.own"].value == value


def test_what_there_is_no_room_for_is_named_whatever_the_order() -> None:
    events = [
        *(an_event("account.updated", traits={f"t{n:03}": n}) for n in range(105)),
        *(an_event("contact.updated", contact_id="kim", traits={f"c{n:02}": n}) for n in range(30)),
        *(an_event("milestone.reached", milestone=f"m{n:03}") for n in range(203)),
        *(an_event("goal.set", goal_id=f"g{n:03}", title="t", due_at=NOW.isoformat()) for n in range(202)),
    ]
    found = {"traits": "t100", "traits_of_contacts": "c27", "milestones": "m200", "goals": "g200"}
    assert after(*events).state.left_out == found
    assert after(*reversed(events)).state.left_out == found
    assert after(*events, *events).state.left_out == found
    assert after(*events[:100]).state.left_out == {}


def test_traits_of_one_s_own_are_kept_beside_the_known_ones() -> None:
    assert after(traits(industry="steel")).state.traits["traits.industry"].value == "steel"


def test_the_subscription_beats_a_later_trait() -> None:
    account = an_account(
        an_event("subscription.changed", at=NOW - 9 * DAY, mrr_minor=1, currency="EUR", plan="starter", seats=3),
        traits(NOW, plan="enterprise", seats=99),
    )
    facts = health_of(account, NOW, SHIPPED).facts
    assert (facts["account.plan"], facts["account.seats"]) == ("starter", 3)


def test_a_straggler_does_not_open_a_closed_ticket_again() -> None:
    account = after(
        a_ticket("T1", type="closed", at=NOW, opened_at=NOW - 5 * DAY, priority="urgent"),
        a_ticket("T1", type="updated", at=NOW - DAY, opened_at=NOW - 5 * DAY, priority="urgent"),
    )
    assert health_of(account, NOW, SHIPPED).facts["support.urgent"] == 0


def test_a_due_date_that_only_the_first_message_names_is_kept() -> None:
    due = (NOW - 10 * DAY).isoformat()
    account = after(an_invoice(at=NOW - 40 * DAY, due_at=due), an_invoice("payment_failed", at=NOW - 5 * DAY))
    facts = health_of(account, NOW, SHIPPED).facts
    assert facts["billing.overdue_since"] == "2026-05-10T12:00:00Z"
    assert facts["billing.payment_failed_at"] == "2026-05-15T12:00:00Z"


def test_a_paid_invoice_has_no_open_failure() -> None:
    account = after(an_invoice("payment_failed", at=NOW - 5 * DAY), an_invoice("paid", at=NOW))
    assert "billing.payment_failed_at" not in health_of(account, NOW, SHIPPED).facts


def test_an_erased_contact_leaves_nothing_and_does_not_come_back() -> None:
    account = after(
        an_event("contact.updated", contact_id="c1", role="admin", traits={"name": "Ada"}),
        nps(9, contact="c1"),
        an_event("contact.erased", contact_id="c1"),
        nps(1, contact="c1", at=NOW + DAY),
    )
    assert b"c1" not in encode(account.state)
    # That somebody was heard from, and when first, says nothing of whom.
    account.state.heard, account.state.first = {}, None
    never = after(an_event("contact.erased", contact_id="c1"))
    never.state.first = None
    assert canonical(account, TODAY) == canonical(never, TODAY)


def test_an_erased_account_leaves_nothing_whatever_comes() -> None:
    account = an_account(a_ticket(), an_event("account.erased"), usage(NOW + DAY))
    assert canonical(account, TODAY) == canonical(after(an_event("account.erased")), TODAY)
    assert health_of(account, NOW, SHIPPED).score.points is None


def test_state_stays_small_however_much_it_has_seen() -> None:
    account = Account("acme")
    used = registry.data_of(usage(feature="reports", user=None))
    for day in range(365):
        fold_usage(account, [(NOW - (365 - day) * DAY, used)] * 20)
        prune(account.state, day_of(NOW - (365 - day) * DAY))
    assert len(encode(account.state)) < 1500
    assert msgspec.msgpack.decode(encode(account.state))["usage"]["reports"].keys() == set(range(TODAY - 91, TODAY))


WRITTEN = (
    "de0009a5757361676581a77265706f72747381cd50719201ce002625a0a96c6173745f75736564cf0006523e88fd1000b36c6173"
    "745f757365645f62795f70656f706c65cf0006523e88fd1000a670656f706c6581cd507101ac6b6e6f77735f70656f706c65c3a6"
    "74726169747381a46e616d6595cf0006523e88fd100000a474657374a26531a441636d65a8636f6e746163747381a2633182a36e"
    "707395cf0006523e88fd100000a474657374a265349209a4676f6f64a5726f6c657395cf0006523e88fd100000a474657374a265"
    "3291a86368616d70696f6eaa6d696c6573746f6e657381ad646174615f696d706f72746564cf0006523e88fd1000a76d6f6d656e"
    "747381a46373617481cd5071810402"
)


def test_a_state_that_the_first_version_wrote_can_still_be_read() -> None:
    packed = bytes.fromhex(WRITTEN)
    state = decode(packed)
    assert (state.usage["reports"], state.people) == ({20593: Uses(1, 2_500_000)}, {20593: 1})
    assert (state.last_used_by_people, state.knows_people) == (state.last_used, True)
    assert (state.traits["name"].value, state.contacts["c1"]["roles"].value) == ("Acme", ["champion"])
    assert (state.contacts["c1"]["nps"].value, state.moments) == ([9, "good"], {"csat": {20593: {4: 2}}})
    assert state.milestones == {"data_imported": 1779278400000000}
    assert encode(state) == packed
