from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.conditions import (
    STEP_FACTS,
    AllOf,
    AnyOf,
    Condition,
    Facts,
    Not,
    Scope,
    Truth,
    evaluate,
    facts_of,
    leaves_of,
    needs_of,
    parse,
)
from shared.conditions.tree import Known
from shared.messages.assessments import Cause
from tests.support.conditions import NOW, ago, ahead, cases, facts, holds, known_facts

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
OF_TRUTH = {
    T: parse("account.seats == 1"),
    F: parse("account.seats == 2"),
    U: parse("usage.breadth > 0"),
}
truths = st.sampled_from([T, F, U])


def told(condition: Any) -> Truth:
    return evaluate(condition, facts(account__seats=1), NOW)


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("usage.breadth < 40 %", True),
        ("usage.breadth < 25 %", False),
        ("usage.breadth <= 25", True),
        ("usage.breadth in [20, 25]", True),
        ("usage.breadth not in [20, 25]", False),
        ("account.plan == pro", True),
        ("account.plan == 'pro'", True),
        ('account.plan != "pro"', False),
        ("account.plan in [pro, enterprise]", True),
        ("account.plan not in [free]", True),
        ("account.name contains NORTH", True),
        ("account.owner == ana@acme.example", True),
        ("account.churned == false", True),
        ("account.churned", False),
        ("account.renews_at > 2026-03-02", True),
        ("account.renews_at <= 2026-03-03T10:00:00+01:00", True),
        ("account.renews_at < 2026-03-03T09:00:00Z", False),
        ("usage.unused_features contains reports", True),
        ("usage.unused_features contains REPORTS", False),
        ("support.resolution > 2 days", True),
        ("support.resolution > 60h", False),
        ("usage.recency >= 5 working days", True),
        ("usage.recency >= 5 business days", True),
        ("usage.trend <= -30 %", True),
        ("days_until account.renews_at <= 1d", True),
        ("usage.breadth is known", True),
        ("usage.breadth is unknown", False),
        ("health.score is known", False),
        ("health.score is unknown", True),
        ("health.score > 50", None),
        ("account.stage in [adopting]", None),
        ("usage.used_features contains x", None),
        ("days_since account.signed_at > 3", None),
    ],
)
def test_leaves(leaf: str, expected: bool | None) -> None:
    known = facts(
        usage__breadth=25,
        account__plan="pro",
        account__name="Northwind",
        account__owner="ana@acme.example",
        account__churned=False,
        account__renews_at=ahead(days=1),
        usage__unused_features=["reports"],
        usage__trend=-31.5,
        usage__recency=5,
        support__resolution=50,
    )
    assert holds(leaf, known) is expected


@given(truths, truths, truths)
def test_kleenes_laws(a: Truth, b: Truth, c: Truth) -> None:
    x, y, z = OF_TRUTH[a], OF_TRUTH[b], OF_TRUTH[c]
    rank = [F, U, T]
    assert told(AllOf((x, y))) is min(a, b, key=rank.index)
    assert told(AnyOf((x, y))) is max(a, b, key=rank.index)
    assert told(Not(x)) is rank[2 - rank.index(a)]
    assert told(Not(AllOf((x, y)))) is told(AnyOf((Not(x), Not(y))))
    assert told(AllOf((x, AnyOf((y, z))))) is told(AnyOf((AllOf((x, y)), AllOf((x, z)))))
    assert told(AllOf((x, AllOf((y, z))))) is told(AllOf((z, y, x)))


@given(cases(), st.data())
def test_what_is_decided_stays_so_when_more_becomes_known(case: tuple[Any, Facts], data: st.DataObject) -> None:
    condition, known = case
    assume(not any(isinstance(leaf.test, Known) or leaf.subject.none_when for leaf in leaves_of(condition)))
    truth = evaluate(condition, known, NOW)
    missing = [name for name in sorted(facts_of(condition)) if known.get(name, NOW) is None]
    more = data.draw(known_facts(condition))
    learned = {name: more.get(name, NOW) for name in missing}
    before = {name: known.get(name, NOW) for name in facts_of(condition)}
    assert truth in (U, evaluate(condition, Facts.of({**before, **learned}), NOW))


def test_a_truth_cannot_be_taken_for_true_by_mistake() -> None:
    with pytest.raises(TypeError, match=r"Truth\.TRUE"):
        bool(Truth.UNKNOWN)


@pytest.mark.parametrize("broken", [None, "many", True, float("nan"), float("inf"), [1]])
def test_a_value_of_another_type_is_unknown(broken: Any) -> None:
    assert holds("usage.breadth > 1", facts(usage__breadth=broken)) is None


@pytest.mark.parametrize("broken", ["yesterday", "2026-03-01T09:00:00", 5, None])
def test_an_instant_that_is_none_is_unknown(broken: Any) -> None:
    assert holds("days_since account.signed_at > 1", facts(account__signed_at=broken)) is None


def test_overdue_is_zero_when_it_is_known_that_nothing_is() -> None:
    assert holds("billing.overdue >= 30 days", facts()) is None
    assert holds("billing.overdue >= 30 days", facts(billing__overdue_minor=0)) is False
    assert holds("days_since billing.overdue_since >= 30 days", facts(billing__overdue_minor=0)) is None
    late = facts(billing__overdue_minor=500, billing__overdue_since=ago(days=30))
    assert holds("billing.overdue >= 30 days", late) is True
    assert late.get("billing.overdue", NOW) == 30


def test_the_fields_of_an_event_are_facts() -> None:
    scope = Scope(event_type="feedback.nps")
    cause = Cause(
        kind="event", type="feedback.nps", source="app", id="1", time=NOW, data={"score": 2, "comment": "Lost"}
    )
    known = Facts.of({}, cause=cause)
    node = ["event.score <= 6", "event.comment contains lost", "days_since event.time < 2", "event.source == app"]
    assert evaluate(parse(node, scope), known, NOW) is T


def test_declared_traits_have_their_type() -> None:
    scope = Scope(traits={"tier": "number"})
    known = Facts.of({"account.traits.tier": 2})
    assert evaluate(parse("account.traits.tier > 1", scope), known, NOW) is T
    assert evaluate(parse("account.traits.tier > 1", scope), Facts.of({"account.traits.tier": "2"}), NOW) is U


def test_a_step_can_ask_whether_its_task_is_done() -> None:
    unless = parse("task.done", Scope(more=STEP_FACTS))
    assert evaluate(unless, Facts.of({"task.done": True}), NOW) is T
    assert evaluate(unless, Facts.of({}), NOW) is U


def test_facts_by_name_are_typed() -> None:
    known = facts(account__signed_at=ago(days=1), usage__used_features=["a"], account__traits__x=3, account__seats="3")
    assert known.get("account.signed_at", NOW) == NOW - timedelta(days=1)
    assert known.get("usage.used_features", NOW) == ("a",)
    assert known.get("account.traits.x", NOW) == 3
    assert known.get("account.seats", NOW) is None


@given(cases())
def test_a_condition_whose_needs_are_not_known_does_not_hold(case: tuple[Condition, Facts]) -> None:
    condition, known = case
    if evaluate(condition, known, NOW) is T:
        assert known.have(needs_of(condition))


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        ("usage.breadth < 40", {"usage.breadth"}),
        ("days_since usage.last_seen_at > 3", {"usage.last_seen_at"}),
        ("usage.breadth is known", {"usage.breadth"}),
        ("usage.breadth is unknown", set()),
        ({"not": "usage.breadth < 40"}, {"usage.breadth"}),
        ({"not": "usage.breadth is known"}, set()),
        (["usage.breadth < 40", "account.plan == pro"], {"usage.breadth", "account.plan"}),
        ({"any": ["usage.breadth < 40", "account.plan == pro"]}, set()),
        ({"any": ["usage.breadth < 40", "usage.breadth > 90"]}, {"usage.breadth"}),
        ({"not": {"all": ["usage.breadth < 40", "account.plan == pro"]}}, set()),
    ],
)
def test_what_a_condition_needs_to_hold(condition: Any, needs: set[str]) -> None:
    assert needs_of(parse(condition)) == needs


@pytest.mark.parametrize(
    ("written", "is_known"),
    [
        ("0001-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59.9999999Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("2026-05-20T09:30:00.1234567Z", True),
        ("2016-12-31T23:59:60Z", True),
    ],
)
def test_a_trait_that_is_an_empty_date_is_no_instant(written: str, is_known: bool) -> None:
    assert (Facts.of({"account.traits.went_live": written}).instant("account.traits.went_live") is not None) is is_known
