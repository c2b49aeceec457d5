from typing import Any

import pytest
from hypothesis import given

from shared.conditions import AllOf, AnyOf, Leaf, Not, Refused, Scope, one_line, parse
from tests.support.conditions import nodes, to_node


@given(nodes)
def test_what_is_written_reads_back_the_same(node: Any) -> None:
    condition = parse(node)
    assert parse(to_node(condition)) == condition
    assert to_node(parse(to_node(condition))) == to_node(condition)


def test_structure() -> None:
    node = [
        "account.stage == adopting",
        {"any": ["usage.breadth<40%", {"not": ["account.churned", "usage.breadth is unknown"]}]},
    ]
    condition = parse(node)
    assert isinstance(condition, AllOf)
    either = condition.parts[1]
    assert isinstance(either, AnyOf)
    assert isinstance(either.parts[1], Not)
    assert one_line(condition) == (
        "account.stage == adopting and "
        "(usage.breadth < 40 % or (not (account.churned == true and usage.breadth is unknown)))"
    )


def test_a_list_of_one_is_its_leaf() -> None:
    assert isinstance(parse(["usage.breadth < 40 %"]), Leaf)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("  usage.breadth<40%", "usage.breadth < 40 %"),
        ("billing.overdue >= 30d", "billing.overdue >= 30 days"),
        ("billing.overdue >= 2 Weeks", "billing.overdue >= 14 days"),
        ("billing.overdue > 6h", "billing.overdue > 0.25 days"),
        ("billing.overdue > 1h", "billing.overdue > 1 hours"),
        ("support.resolution > 30 minutes", "support.resolution > 0.5 hours"),
        ("support.load > 1.5", "support.load > 1.5"),
        ("support.urgent >= 1 ticket", "support.urgent >= 1 tickets"),
        ("account.plan not  in [ pro,'big corp' ]", 'account.plan not in [pro, "big corp"]'),
        ("account.plan == 3m-corp", 'account.plan == "3m-corp"'),
        ("account.plan == 'true'", 'account.plan == "true"'),
        ("account.renews_at < 2026-03-01", "account.renews_at < 2026-03-01T00:00:00Z"),
        ("account.renews_at < 2026-03-01t01:00+01:00", "account.renews_at < 2026-03-01T00:00:00Z"),
        (r'account.name == "a \"b\" \\ c"', r'account.name == "a \"b\" \\ c"'),
    ],
)
def test_the_canonical_form(written: str, canonical: str) -> None:
    assert str(parse(written)) == canonical


@pytest.mark.parametrize(
    ("leaf", "column", "message", "suggestion"),
    [
        ("usage.bredth < 40 %", 1, "There is no fact `usage.bredth`.", "Did you mean `usage.breadth`?"),
        ("breadth < 40 %", 1, "There is no fact `breadth`.", "Did you mean `usage.breadth`?"),
        ("xyzzy < 40", 1, "There is no fact `xyzzy`.", None),
        ("usage.breadth < pro", 17, "is a number (%) and `pro` is text", None),
        ("usage.breadth in [3, x]", 22, "is a number (%) and `x` is text", None),
        ("account.plan == 3", 17, "`account.plan` is text and `3` is a number.", 'Write "3" in quotes.'),
        ("account.plan contains 3", 23, "is text and `3` is a number", 'Write "3" in quotes.'),
        ("account.churned == yes", 20, "is true or false and `yes` is text", None),
        ("billing.overdue >= 30 %", 20, "is in days; `%` is another unit", "Did you mean `30 days`?"),
        ("usage.breadth < 40 days", 17, "is in %; `days` is another unit", "Did you mean `40 %`?"),
        ("usage.recency > 5 days", 17, "is in working days", "Did you mean `5 working days`?"),
        ("feedback.nps > 5 %", 16, "has no unit", "Write `5`."),
        ("usage.breadth", 1, "say what it is compared with", None),
        ("usage.breadth <", 16, "Expected a value here, but it ends.", None),
        ("usage.breadth = 3", 15, "Expected an operator here", "Did you mean `==`?"),
        ("usage.breadth contians 3", 15, "Expected an operator here", "Did you mean `contains`?"),
        ("usage.breadth is knwon", 18, "Expected `known` or `unknown` here", None),
        ("account.plan in pro", 17, "Expected a list", None),
        ("account.plan in [a b]", 20, "Expected `,` or `]`", "Put text of several words in quotes."),
        ("account.plan == a b", 19, "Expected the end", "Put text of several words in quotes."),
        ("account.plan not [a]", 18, "Expected `in` after `not`", None),
        ("account.name == 'a", 17, "Expected a value here", None),
        ("< 3", 1, "Expected the name of a fact", None),
        ("  ", 1, "The condition is empty.", None),
        ("account.stage < x", 1, "is text, which has no `<`", "Use `== or in`."),
        ("usage.unused_features == a", 1, "is a list, which has no `==`", "Use `contains`."),
        ("usage.breadth contains a", 1, "`contains` looks into text and lists", None),
        ("days_since usage.breadth > 3", 12, "`days_since` needs an instant", None),
        ("account.renews_at < 30 days", 21, "is an instant and `30` is a number", "days_until account.renews_at"),
        ("account.renews_at < 2026-13-01", 21, "There is no such time", None),
        ("account.renews_at < 2026-03-01T09:00", 21, "is an instant and", "with its zone"),
        ("health.band == rad", 16, "`health.band` is never `rad`", "Did you mean `red`?"),
        ("event.score < 3", 1, "known only in the conditions of an `on_event`", None),
        ("account.traits.tier == 3", 1, "The trait `tier` is not declared.", None),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_column(
    leaf: str, column: int, message: str, suggestion: str | None
) -> None:
    with pytest.raises(Refused) as caught:
        parse(leaf)
    error = caught.value.problems[0]
    assert (error.position.line, error.position.column) == (1, column)
    assert message in error.message
    assert error.snippet == leaf.strip()
    if suggestion:
        assert suggestion in (error.suggestion or "")


def test_an_unknown_field_of_an_event_is_refused_with_the_nearest() -> None:
    with pytest.raises(Refused) as caught:
        parse("event.scor <= 6", Scope(event_type="feedback.nps"))
    [problem] = caught.value.problems
    assert problem.message == "`feedback.nps` has no field `scor`."
    assert problem.suggestion == "Did you mean `event.score`?"


def test_an_events_fields_have_the_types_of_its_definition() -> None:
    ticket = Scope(event_type="ticket.opened")
    parse(["event.priority == urgent", "days_since event.opened_at > 1", "event.title contains lost"], ticket)
    parse("event.traits.seats > 10", Scope(event_type="account.updated"))
    with pytest.raises(Refused, match=r"never `urgnt`.*Did you mean `urgent`"):
        parse("event.priority == urgnt", ticket)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"al": ["usage.breadth < 40 %"]}, "Did you mean `all`?"),
        ({"all": ["usage.breadth < 40 %"], "any": ["usage.breadth < 40 %"]}, "make a list of them"),
        ({"all": "usage.breadth < 40 %"}, "`all` needs a list."),
        ({}, "one of all, any, not"),
        ([], "The list is empty"),
        ({"any": []}, "The list is empty"),
        (True, "this is True"),
        (None, "this is None"),
        ({'account.name contains "a': 'b"'}, "put the leaf in quotes"),
    ],
)
def test_structure_that_makes_no_sense_is_refused(node: Any, message: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(node)
    assert message in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(Refused) as caught:
        parse(["usage.bredth < 40", {"not": "account.plan == 3"}, "account.churned"])
    assert [problem.snippet for problem in caught.value.problems] == ["usage.bredth < 40", "account.plan == 3"]


def test_a_condition_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Refused, match="too large"):
        parse(endless)
    wide: Any = "usage.breadth < 40 %"
    for _ in range(12):
        wide = [wide] * 10
    with pytest.raises(Refused, match="too large"):
        parse(wide)
