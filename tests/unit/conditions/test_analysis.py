from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.conditions import (
    FACTS,
    AllOf,
    AnyOf,
    Condition,
    Facts,
    Not,
    Truth,
    always_holds,
    can_hold,
    contradictions,
    evaluate,
    facts_of,
    idle,
    implied,
    parse,
)
from tests.support.conditions import NOW, ago, cases


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("account.seats < 10", "account.seats > 20"),
        ("account.seats < 10", "account.seats >= 10"),
        ("account.seats == 10", "account.seats != 10"),
        ("account.seats in [1, 2]", "account.seats > 2"),
        ("account.seats > 3", "account.seats is unknown"),
        ("account.plan == pro", "account.plan == basic"),
        ("account.plan in [pro, basic]", "account.plan not in [basic, pro]"),
        ("account.plan == pro", "account.plan contains x"),
        ("account.name contains Northwind", {"not": "account.name contains NORTH"}),
        ("account.churned", "account.churned == false"),
        ("account.churned", {"not": "account.churned"}),
        ("account.renews_at < 2026-01-01", "account.renews_at > 2026-01-01T00:00:01Z"),
        ("days_since account.signed_at < 30", "days_since account.signed_at > 5 weeks"),
        ("days_since account.signed_at > 30", "days_until account.signed_at > 1"),
        ("days_since account.signed_at > 30", "account.signed_at is unknown"),
        ("relationship.silence > 30", "days_since relationship.silent_since < 7"),
        ("relationship.silence > 30", "days_since relationship.last_interaction_at < 7"),
        ("relationship.silence > 30", "days_until relationship.last_interaction_at > -7"),
        ("usage.recency >= 10 working days", "usage.silence < 10 working days"),
        ("usage.used_features contains a", {"not": "usage.used_features contains a"}),
        ("account.seats < 10", {"any": ["account.seats > 20", ["account.seats > 30", "account.plan == pro"]]}),
        ({"any": ["account.seats < 1", "account.plan == a"]}, ["account.seats > 1", "account.plan == b"]),
    ],
)
def test_what_excludes_each_other_can_not_hold(first: Any, second: Any) -> None:
    both = parse([first, second])
    assert not can_hold(both)
    assert not can_hold(parse(second), parse(first))
    assert list(contradictions(both))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("account.seats <= 10", "account.seats >= 10"),
        ("account.plan != pro", "account.plan != basic"),
        ("account.name contains a", "account.name contains b"),
        ("account.plan == PRO", "account.plan contains pro"),
        ("days_since account.signed_at > 30", "days_until account.signed_at < 1"),
        ("days_since account.signed_at > 30", "account.signed_at < 2026-01-01"),
        ("billing.overdue == 0", "days_since billing.overdue_since > 3"),
        ("relationship.silence < 7", "days_since relationship.last_interaction_at > 30"),
        ("relationship.silence >= 7", "days_since relationship.last_interaction_at <= 7"),
        ("health.band == red", "health.previous_band == green"),
        ("account.seats is unknown", {"not": "account.plan == pro"}),
    ],
)
def test_what_may_hold_together_is_left_alone(first: Any, second: Any) -> None:
    both = parse([first, second])
    assert can_hold(both)
    assert list(contradictions(both)) == []


@pytest.mark.parametrize(
    ("premise", "conclusion", "expected"),
    [
        ("account.seats < 10", "account.seats < 20", True),
        ("account.seats < 20", "account.seats < 10", False),
        ("account.seats < 10", "account.seats is known", True),
        ("account.seats is known", "account.signed_at is known", False),
        ("days_since account.signed_at > 30", "days_until account.signed_at < 0", True),
        ("account.plan == pro", "account.plan in [basic, pro]", True),
        ("account.plan == pro", "account.plan != basic", True),
        ("relationship.silence > 30", "days_since relationship.last_interaction_at > 7", False),  # may be unknown
        (
            ["relationship.silence > 30", "relationship.last_interaction_at is known"],
            "days_since relationship.last_interaction_at > 30",
            True,
        ),
        ("account.plan == pro", {"any": ["account.seats < 10", "account.seats >= 10"]}, False),  # seats may be unknown
        (["account.plan == pro", "account.seats < 5"], {"any": ["account.seats < 10", "usage.uses > 3"]}, True),
        ("account.name contains Northwind", "account.name contains NORTH", True),
    ],
)
def test_what_follows_from_what(premise: Any, conclusion: Any, expected: bool) -> None:
    assert implied(parse(conclusion), parse(premise)) is expected


def test_a_contradiction_is_told_by_its_smallest_part() -> None:
    condition = parse(
        {"any": ["account.plan == pro", ["account.plan == basic", "account.seats < 10", "account.seats > 20"]]}
    )
    [problem] = contradictions(condition)
    assert problem.message == (
        "This can never hold together with `account.seats < 10 seats` in line 1: `account.seats > 20 seats`."
    )


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        ("usage.silence >= 70 working days", "This can never hold: it is 0 to 65."),
        ("health.score > 100", "This can never hold: it is 0 to 100."),
        ("feedback.last_nps in [11, 12]", "This can never hold: it is 0 to 10."),
        ("points.usage.trend < 0", "This can never hold: it is 0 to 100."),
    ],
)
def test_numbers_that_a_fact_never_is_are_told(leaf: str, said: str) -> None:
    [problem] = contradictions(parse(leaf))
    assert problem.message == said
    assert can_hold(parse("usage.silence >= 65 working days"))


def test_alternatives_that_ask_nothing_are_told() -> None:
    [problem] = idle(parse({"any": ["account.plan != pro", "account.plan != basic"]}))
    assert problem.suggestion == "Did you mean `all`?"
    assert not list(idle(parse({"any": ["account.plan == pro", "account.seats is unknown"]})))
    assert not list(idle(parse({"any": ["account.plan == pro", "account.plan == basic"]})))


def test_a_condition_that_is_hard_to_decide_is_decided() -> None:
    pairs = [{"any": [f"account.seats == {n}", f"usage.uses == {n}"]} for n in range(90)]
    assert not can_hold(parse(["account.seats is unknown", "usage.uses is unknown", *pairs]))
    assert can_hold(parse([{"any": [f"usage.uses != {n}", f"account.seats != {n}"]} for n in range(90)]))
    # Sixty clauses over few facts, days of work if tried one by one; and then two that exclude each other.
    chance, names = Random(1), sorted(name for name, spec in FACTS.items() if spec.type == "number")[:14]
    clauses = [[f"{chance.choice(names)} {chance.choice(['<', '>='])} 5" for _ in range(3)] for _ in range(62)]
    ends = [["account.seats < 1", "account.seats < 2"], ["account.seats > 6", "account.seats > 7"]]
    hard = parse([{"any": clause} for clause in (*clauses, *ends)])
    assert len(list(contradictions(hard))) == 1


# Few values, and all that lies between and beside them: so every fact that matters can be tried.
TALKED = ("relationship.silent_since", "relationship.last_interaction_at")
_SEATS = [None, *(half / 2 for half in range(-1, 6))]
_GRID: dict[str, list[Any]] = {
    "account.seats": _SEATS,
    "account.plan": [None, "a", "b", "ab", "x", "xa", "xb"],
    "account.churned": [None, False, True],
    "account.signed_at": [None, *(ago(hours=12 * half) for half in range(-3, 4))],
    **{name: [None, *(ago(hours=12 * half) for half in range(1, 4))] for name in TALKED},
}
_SIGN = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
close_leaves = st.one_of(
    st.builds("account.seats {} {}".format, _SIGN, st.integers(0, 2)),
    st.builds("account.seats {} [{}, {}]".format, st.sampled_from(["in", "not in"]), *[st.integers(0, 2)] * 2),
    st.builds("days_{} account.signed_at {} {}".format, st.sampled_from(["since", "until"]), _SIGN, st.integers(-1, 1)),
    st.builds("{} is {}".format, st.sampled_from(sorted(_GRID)), st.sampled_from(["known", "unknown"])),
    st.builds("days_since {} {} 1".format, st.sampled_from(TALKED), _SIGN),
    st.builds("account.plan {} {}".format, st.sampled_from(["==", "!=", "contains"]), st.sampled_from("ab")),
    st.sampled_from(
        ["account.plan in [a, b]", "account.plan not in [b]", "account.churned", "account.churned != true"]
    ),
)
close_conditions: st.SearchStrategy[Condition] = st.recursive(
    close_leaves.map(parse),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
)


def truths(*conditions: Condition) -> Iterator[tuple[Truth, ...]]:
    """Their truths for every value that matters to them."""
    names = sorted(frozenset[str]().union(*map(facts_of, conditions)))
    for values in product(*(_GRID[name] for name in names)):
        given = dict(zip(names, values, strict=True))
        since, talked = (given.get(name) for name in TALKED)
        if since is not None and talked is not None and since < talked:
            # The days since, without some, are never more than all of them.
            continue
        facts = Facts.of(given)
        yield tuple(evaluate(one, facts, NOW) for one in conditions)


@settings(max_examples=200)
@given(close_conditions, close_conditions)
def test_it_finds_what_trying_everything_finds(a: Condition, b: Condition) -> None:
    tried = list(truths(a, b))
    assert can_hold(a, b) is ((Truth.TRUE, Truth.TRUE) in tried)
    assert implied(b, a) is all(second is Truth.TRUE for first, second in tried if first is Truth.TRUE)
    assert always_holds(a) is all(first is not Truth.FALSE for first, _ in tried)


@settings(max_examples=200)
@given(cases())
def test_what_is_true_of_an_account_is_never_called_a_contradiction(case: tuple[Condition, Facts]) -> None:
    condition, known = case
    truth = evaluate(condition, known, NOW)
    assert truth is not Truth.TRUE or can_hold(condition)
    assert truth is not Truth.FALSE or not always_holds(condition)
