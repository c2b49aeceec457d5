"""How records are looked up in a mapping: patterns, the order of rules, what they come to."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.dialects.ruling import Seen, ruled
from services.ingest.core.mapping import (
    DEFAULT,
    USED,
    Mapping,
    Rule,
    account_in,
    at,
    covers,
    fits,
    path_of,
)

PATTERNS = st.text("ab*", min_size=1, max_size=6).filter(lambda text: "**" not in text)
NAMES = st.text("abc", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "takes", "leaves"),
    [
        ("Report *", ["Report Opened", "Report "], ["Reports", "A Report Opened", "report opened"]),
        ("*", ["", "anything"], []),
        ("Opened", ["Opened"], ["Opened twice", ""]),
        ("a*a", ["aa", "aba"], ["a", "ab"]),
        ("*ab*b", ["abb", "xabxb"], ["ab", "bab"]),
        ("[Amplitude] *", ["[Amplitude] Session"], ["A Session"]),
        ("Done?", ["Done?"], ["Done!", "Done"]),
    ],
)
def test_a_star_stands_for_any_text_and_nothing_else_for_anything(
    pattern: str, takes: list[str], leaves: list[str]
) -> None:
    assert [name for name in takes if not fits(pattern, name)] == []
    assert [name for name in leaves if fits(pattern, name)] == []


@given(PATTERNS, PATTERNS, NAMES)
def test_what_a_pattern_covers_it_takes(one: str, other: str, name: str) -> None:
    if covers(one, other) and fits(other, name):
        assert fits(one, name)


@given(PATTERNS, PATTERNS)
def test_what_a_pattern_does_not_cover_has_a_name_that_shows_it(one: str, other: str) -> None:
    if not covers(one, other):
        name = other.replace("*", "c")
        assert fits(other, name)
        assert not fits(one, name)


@given(st.lists(st.builds(Rule, event=PATTERNS, kind=st.sampled_from([None, "track", "page"])), max_size=6), NAMES)
def test_the_first_rule_that_fits_counts_however_it_is_looked_up(rules: list[Rule], name: str) -> None:
    mapping = Mapping(rules=rules)
    for kind in ("track", "page", "screen"):
        wanted = next((rule for rule in rules if rule.fits(kind, name)), None)
        assert mapping.rule_for(kind, name) is wanted
        assert mapping.rule_for(kind, name) is wanted, "asked again"


def test_names_are_not_remembered_without_end() -> None:
    mapping = Mapping(rules=[Rule(event="page *")])
    for number in range(10_000):
        assert mapping.rule_for("page", f"page {number}") is not None
    assert len(mapping._seen) < 5_000


@pytest.mark.parametrize(
    ("first", "later", "hidden"),
    [
        (Rule(event="*"), Rule(event="Heartbeat*", kind="page"), True),
        (Rule(event="*", kind="page"), Rule(event="Heartbeat*"), False),
        (Rule(event="*", but=("Heart*",)), Rule(event="Heartbeat*"), False),
        (Rule(event="*", but=("Sign*",)), Rule(event="Heartbeat*"), True),
        (Rule(event="*", but=("Heartbeat 1",)), Rule(event="Heartbeat*"), False),
        (Rule(event="*", but=("Heartbeat 1",)), Rule(event="Heartbeat*", but=("Heartbeat 1*",)), True),
    ],
)
def test_a_rule_is_hidden_where_nothing_is_left_for_it(first: Rule, later: Rule, hidden: bool) -> None:
    assert first.hides(later) is hidden


def said(rule: Rule, record: dict[str, Any], name: str = "Report Opened") -> dict[str, Any]:
    """What the event says that a record comes to by a rule."""
    seen = Seen(id="1", kind="track", name=name, look=lambda path: at(record, path))
    found, _ = ruled(seen, Mapping(rules=[rule]))
    assert found is not None
    assert found.type == rule.type
    return found.data


def test_a_use_says_the_feature_that_is_written_or_found_or_else_its_own_name() -> None:
    record = {"properties": {"kind": "pdf", "count": 3, "empty": ""}}
    assert said(Rule(event="Report *", feature="reports"), record) == {"feature": "reports"}
    found = Rule(event="Report *", feature=path_of("properties.kind"), quantity=path_of("properties.count"))
    assert said(found, record) == {"feature": "pdf", "quantity": 3}
    for nowhere in ("properties.empty", "properties.nothing", "properties.kind.deeper"):
        rule = Rule(feature=path_of(nowhere), quantity=path_of(nowhere + ".x"))
        assert said(rule, record) == {"feature": "Report Opened"}


def test_another_type_has_what_is_found_and_what_always_is() -> None:
    rule = Rule(
        type="feedback.nps",
        data={"contact_id": ("userId",), "score": path_of("properties.score"), "comment": ("none",)},
        fixed={"survey_kind": "relational"},
    )
    found = said(rule, {"userId": "u1", "properties": {"score": 9}})
    assert found == {"contact_id": "u1", "score": 9, "survey_kind": "relational"}
    assert said(Rule(type="milestone.reached", milestone="go_live"), {}) == {"milestone": "go_live"}


def test_traits_get_our_names_and_units() -> None:
    mapping = Mapping(
        traits={"plan_name": "plan", "mrr": "mrr_minor"}, times={"mrr": 100}, drop_traits=frozenset({"notes"})
    )
    given_traits = {"plan_name": "pro", "mrr": 19.99, "notes": "x", "employees": 12}
    assert mapping.traits_of(given_traits) == {"plan": "pro", "mrr_minor": 1999, "employees": 12}
    assert isinstance(mapping.traits_of({"mrr": 19.99})["mrr_minor"], int)
    assert mapping.traits_of({"mrr": 0.001}) == {"mrr_minor": 0.1}
    for odd in ("12", None, True, 10**400, 1e308 * 10):
        assert mapping.traits_of({"mrr": odd}) == {"mrr_minor": odd}


def test_why_a_record_is_dropped_names_the_document_and_the_rule() -> None:
    rule = Rule(event="Heartbeat*", kind="page", type="", by="web@3")
    seen = Seen(id="1", kind="page", name="Heartbeat 1", look=lambda _: None)
    assert ruled(seen, Mapping(rules=[rule])) == (
        None,
        "dropped by web@3: drop 'Heartbeat*' of the kind page",
    )


def test_the_account_is_the_first_that_is_there() -> None:
    paths = DEFAULT.account
    assert account_in({"groupId": " ", "context": {"groupId": "acme"}}, paths) == "acme"
    assert account_in({"properties": {"$groups": {"company": 42}}}, paths) == "42"
    assert account_in({"properties": {"account_id": True}}, paths) is None
    assert account_in([], paths) is None


def test_without_a_mapping_all_but_the_noise_of_posthog_counts() -> None:
    assert DEFAULT.rule_for("track", "Report Opened") is None
    found = [DEFAULT.rule_for("capture", name) for name in ("$pageview", "$screen", "$set")]
    assert [rule and rule.type for rule in found] == [USED, USED, ""]
    assert DEFAULT.rule_for("track", "$set") is None


def test_a_mapping_is_what_it_says_whatever_was_looked_up_in_it() -> None:
    one, other = Mapping(rules=[Rule(event="a")]), Mapping(rules=[Rule(event="a")])
    one.rule_for("track", "a")
    assert one == other
    assert msgspec.structs.replace(one, version=3).label == "default@3"
