"""A call's verdicts, its body, and what endpoints are told."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core.calls import (
    LARGEST,
    LONGEST_RETRY_AFTER,
    MOST_TRIES,
    MOVES,
    RETRIES,
    Answer,
    backoff,
    body_of,
    call_id,
    called,
    judge,
)
from services.notifier.core.endpoints import HEALTH, Endpoint, Filter, Health, compared, wanted
from shared.messages.outward import WEBHOOK_TYPES
from tests.support.notifier import NOW, an_account, an_action

FAILED = Answer("it answered 500 Internal Server Error", 500)
dice = st.floats(0, 1, exclude_max=True)


def an_endpoint(**changes: Any) -> Endpoint:
    fields: dict[str, Any] = {"id": "ep_1", "name": None, "types": None, "filter": Filter(), "score_by": None}
    return Endpoint(**{**fields, "enabled": True, **changes})


def test_ten_tries_take_three_days() -> None:
    assert MOST_TRIES == 10
    assert timedelta(days=3) < sum(RETRIES, timedelta()) < timedelta(days=3, hours=4)


@given(st.integers(1, MOST_TRIES - 1), dice)
def test_each_wait_is_the_schedules_give_or_take_a_tenth(tries: int, thrown: float) -> None:
    verdict = judge(FAILED, tries, NOW, thrown)
    assert verdict.due_at is not None
    assert 0.9 <= (verdict.due_at - NOW) / RETRIES[tries - 1] <= 1.1
    assert verdict.state == "waiting"


@given(st.integers(0, 40), st.floats(allow_nan=False), dice)
def test_whatever_is_answered_it_ends_or_is_tried_again_within_bounds(tries: int, after: float, thrown: float) -> None:
    verdict = judge(Answer("busy", 429, after=after), tries, NOW, thrown)
    assert (verdict.due_at is None) == (tries >= MOST_TRIES)
    if verdict.due_at is not None:
        assert NOW < verdict.due_at <= NOW + max(LONGEST_RETRY_AFTER, backoff(tries, thrown))


def test_what_is_gone_or_tried_once_is_not_tried_again() -> None:
    assert judge(Answer("it answered 410 Gone", 410), 1, NOW, 0.5).state == "failed"
    assert judge(FAILED, 1, NOW, 0.5, once=True).state == "failed"
    assert judge(Answer("", 204), 1, NOW, 0.5).state == "delivered"


def test_every_state_but_one_that_is_being_sent_can_be_sent_again() -> None:
    states = {state for state, _ in MOVES} | set(MOVES.values())
    assert {before for before, event in MOVES if event == "sent_again"} == states - {"sending"}


def test_an_id_is_the_events_and_the_endpoints() -> None:
    assert call_id("event-1", "ep_1") == call_id("event-1", "ep_1")
    assert len({call_id("event-1", "ep_1"), call_id("event-1", "ep_2"), call_id("event-2", "ep_1")}) == 3


_texts = st.text(max_size=50_000) | st.text(alphabet='\x00"\\\U0001f600', max_size=20_000)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=300) | st.dictionaries(st.text(max_size=40), inner, max_size=60),
    max_leaves=60,
)


@given(st.dictionaries(st.sampled_from(["reasons", "comment", "traits", "title"]), _values))
def test_no_body_is_larger_than_a_receiver_takes(data: dict[str, Any]) -> None:
    body = body_of("task.opened", NOW, {"account": {"id": "northwind"}, **data})
    assert len(body) <= LARGEST
    said = json.loads(body)
    assert said["data"]["account"] == {"id": "northwind"}
    assert (said["data"] == {"account": {"id": "northwind"}, **data}) or said["truncated"]


def test_a_step_of_a_playbook_tells_scores_as_they_are_shown() -> None:
    said = called(an_action(kind="webhook"))
    assert said.account.score == 52
    assert [one.points for one in said.drivers] == [-13, -9]
    assert called(an_action(kind="webhook", account=an_account(score=None))).account.score is None


ITEM = {"account": {"id": "northwind", "segment": "smb", "plan": "pro", "owner": "a@b.c", "band": "red"}}


@pytest.mark.parametrize(
    ("filter", "fits"),
    [
        (Filter(), True),
        (Filter(accounts=["northwind"], plans=["pro", "basic"]), True),
        (Filter(accounts=["northwind"], plans=["basic"]), False),
        (Filter(owners=["a@b.c"], segments=["smb"], bands=["red"], matters=["money"], severity=["high"]), True),
        (Filter(severity=["low"]), False),
    ],
)
def test_all_that_a_filter_names_must_hold(filter: Filter, fits: bool) -> None:
    said = {**ITEM, "matter": "money", "severity": "high"}
    assert an_endpoint(filter=filter).wants("task.opened", said) is fits


def test_what_has_no_severity_fits_no_filter_by_it() -> None:
    assert not an_endpoint(filter=Filter(severity=["high"])).wants("answer.received", ITEM)


def test_of_health_the_band_is_the_one_that_is_told() -> None:
    assert an_endpoint(filter=Filter(bands=["amber"])).wants(HEALTH, {**ITEM, "band": "amber"})


def test_what_names_one_endpoint_goes_to_no_other() -> None:
    assert not any(an_endpoint().wants(type, ITEM) for type in ("test", "playbook.called"))


def test_what_is_wanted_is_the_union_and_the_smallest_step() -> None:
    tasks, health = an_endpoint(types=["task.opened"], score_by=1), an_endpoint(types=[HEALTH, "test"], score_by=5)
    assert wanted([tasks, health]) == (["task.opened", HEALTH], 5)
    assert wanted([an_endpoint(), health])[0] == [
        one for one in WEBHOOK_TYPES if one not in ("playbook.called", "test")
    ]
    assert wanted([]) == ([], None)


def said_of(rev: int, score: float | None, band: str = "green", before: float | None = 80) -> dict[str, Any]:
    return {"rev": rev, "score": score, "band": band, "previous_score": before, "previous_band": "green"}


def test_many_small_moves_are_told_when_they_come_to_enough() -> None:
    told, heard = None, []
    for rev, score in enumerate([79, 77, 75, 74, 71, 70], start=1):
        data, told = compared(said_of(rev, score), told, 5)
        heard += [(data["previous_score"], data["score"])] if data is not None else []
    assert heard == [(80, 75), (75, 70)]


def test_bands_alone_are_told_without_a_step() -> None:
    assert compared(said_of(1, 10), None, None)[0] is None
    data, told = compared(said_of(2, 10, "red"), None, None)
    assert (data is not None, told) == (True, Health(2, 10, "red"))


def test_what_comes_late_is_not_told() -> None:
    told = Health(7, 50, "amber")
    assert compared(said_of(7, 90), told, 5) == (None, told)


def test_a_score_that_is_not_known_is_no_move() -> None:
    assert compared(said_of(1, None, "green"), None, 5)[0] is None
    assert compared(said_of(1, None, "unknown"), None, 5)[0] is not None
