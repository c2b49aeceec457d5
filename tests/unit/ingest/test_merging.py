"""Merging: whose events go where, and which accounts can't go on as each other."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.checking import Checked
from services.ingest.core.merging import goes_on_as, homes_of
from services.ingest.core.resolving import Resolved, resolve, value_of
from tests.support.ingest import alias_of, an_event, judged


def merge(account: str, into: str, id: str = "m") -> dict[str, Any]:
    return an_event(id, "account.merged", account, data={"into": into})


def erase(contact: str, account: str, id: str = "x") -> dict[str, Any]:
    return an_event(id, "contact.erased", account, data={"contact_id": contact})


def checked(*events: dict[str, Any]) -> list[Checked]:
    good, refused = judged(*events, operates=True)
    assert refused == []
    return good


def into_of(out: Resolved) -> list[str]:
    return [msgspec.json.decode(value_of(event))["data"]["into"] for event in out.ready]


def where(out: Resolved) -> list[tuple[str, str]]:
    return [(event.id, event.subject) for event in out.ready]


def test_what_is_sent_after_a_merging_goes_to_the_new_account_and_what_was_sent_before_stays() -> None:
    events = checked(an_event("before", account="old"), merge("old", "new"), an_event("after", account="old"))
    out = resolve(events, {}, {}, {"new"})
    assert where(out) == [("before", "old"), ("m", "old"), ("after", "new")]
    assert out.newly_merged == {"old": "new"}


def test_what_cannot_be_taken_back_of_an_old_account_is_meant_of_it_and_a_person_is_erased_at_both() -> None:
    merged = {"older": "old", "old": "new"}
    erased = an_event("e", "account.erased", "old")
    out = resolve(checked(erased, erase("kim", "old"), an_event("u", account="older")), {}, merged)
    assert where(out) == [("e", "old"), ("x", "old"), ("x", "new"), ("u", "new")]


def test_an_alias_of_an_old_account_and_one_that_it_is_given_lead_to_the_new_one() -> None:
    merged = {"old": "new"}
    out = resolve(checked(an_event(account="stripe:1")), {"stripe:1": "old"}, merged)
    assert where(out) == [("e1", "new")]
    out = resolve(checked(alias_of("old", "stripe:1", "stripe:2")), {"stripe:1": "old", "stripe:2": None}, merged)
    assert (where(out), out.newly_set) == ([("set", "new")], {"stripe:2": "new"})
    out = resolve(checked(alias_of("new", "stripe:1")), {"stripe:1": "old"}, merged)
    assert where(out) == [("set", "new")]


def test_into_an_account_that_went_on_itself_is_into_where_it_is_now() -> None:
    out = resolve(checked(merge("third", "old")), {}, {"old": "new"}, {"new"})
    assert (out.newly_merged, into_of(out)) == ({"third": "new"}, ["new"])
    out = resolve(checked(merge("third", "crm:7")), {"crm:7": "old"}, {"old": "new"}, {"new"})
    assert (out.newly_merged, into_of(out)) == ({"third": "new"}, ["new"])


def test_the_same_told_again_is_taken_again() -> None:
    out = resolve(checked(merge("old", "new"), merge("old", "new", "again")), {}, {}, {"new"})
    assert where(out) == [("m", "old"), ("again", "old")]
    out = resolve(checked(merge("old", "new")), {}, {"old": "new", "new": "newest"}, {"newest"})
    assert (out.newly_merged, into_of(out)) == ({}, ["newest"])


def test_an_account_that_the_same_request_brings_is_known() -> None:
    out = resolve(checked(an_event(account="new"), merge("old", "new")), {})
    assert out.newly_merged == {"old": "new"}


@pytest.mark.parametrize(
    ("asked", "merged", "code", "words"),
    [
        (merge("new", "old"), {"old": "new"}, "circle", "'old' goes on as 'new' already"),
        (merge("c", "a"), {"a": "b", "b": "c"}, "circle", "'a' goes on as 'c' already"),
        (merge("old", "third"), {"old": "new"}, "already_merged", "'old' goes on as 'new' already. Merge 'new'"),
        (merge("old", "nobody"), {}, "unknown_account", "There is no account 'nobody'."),
        (merge("old", "gone"), {"gone": "nobody"}, "unknown_account", "There is no account 'nobody'."),
        (merge("old", "crm:1"), {}, "unknown_account", "Nobody has set the alias 'crm:1'."),
        (merge("crm:1", "new"), {}, "unknown_account", "Nobody has set the alias 'crm:1'."),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    asked: dict[str, Any], merged: dict[str, str], code: str, words: str
) -> None:
    out = resolve(checked(asked), {"crm:1": None}, merged, {"new", "old", "third", "a", "b", "c"} - {*merged})
    assert [one.code for one in out.refused] == [code]
    assert words in out.refused[0].message
    assert (out.ready, out.waiting, out.newly_merged) == ([], [], {})


ACCOUNTS = ["a", "b", "c", "d", "e"]
_any = st.sampled_from(ACCOUNTS)


@given(st.lists(st.tuples(_any, _any).filter(lambda two: two[0] != two[1]), max_size=12))
def test_whatever_is_asked_no_circle_comes_of_it_and_every_event_ends_at_one_that_stands(
    asked: list[tuple[str, str]],
) -> None:
    merged: dict[str, str] = {}
    for account, into in asked:
        out = resolve(checked(merge(account, into)), {}, merged, set(ACCOUNTS))
        merged |= out.newly_merged
        assert len(out.ready) + len(out.refused) == 1
        assert all(goes_on_as(merged, one) not in merged for one in ACCOUNTS)
    assert {homes_of("usage.recorded", one, merged)[-1] for one in ACCOUNTS} == {*ACCOUNTS} - {*merged}
