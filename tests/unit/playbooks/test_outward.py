"""What other systems are told of what playbooks decide: each thing once, as it stands, and only what they want."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Move
from services.playbooks.core.item import MOVES, OPEN, Item, item_of
from services.playbooks.core.subscribed import Subscribed
from shared.messages import registry
from shared.messages.accounts import ContactErased
from shared.messages.assessments import Cause, Driver
from shared.messages.erasing import ERASED
from shared.messages.outward import WEBHOOK_TYPES, AnswerReceived, HealthChanged, Moved, WebhookTold
from tests.support.desk import Office
from tests.support.notifier import an_action
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_answer

FEW = "id: few\nwhen: usage.breadth < 40 %\nmatter: usage\nsteps: [{alert: Look}, {task: Few features, due: 1 day}]"
UNHAPPY = "id: unhappy\non_event: feedback.nps\nper: contact\nwhen: event.score <= 6\nsteps: [{task: Call}]"
PEOPLE = """
csms:
  - {id: own, name: Olive, email: owner@example.com, manager: lee}
  - {id: lee, name: Lee, email: lee@example.com}
"""
ALL = Subscribed(frozenset(WEBHOOK_TYPES))
EVERY = [(kind, state, event) for kind, moves in MOVES.items() for state, event in moves]


def an_office(*playbooks: str, subscribed: Subscribed = ALL) -> Office:
    made = Office(*playbooks or (FEW,), people=PEOPLE)
    made.rules = made.rules._replace(subscribed=subscribed)
    return made


def told(made: Office) -> list[tuple[str, str | None, str]]:
    """Type, state before and after of each, since the last time."""
    found = [(str(one.type), one.data.get("previous_state"), one.data["state"]) for one in made.outward]
    made.outward.clear()
    return found


def test_what_is_asked_for_is_told_with_whom_why_and_by_when() -> None:
    made = an_office()
    made.assess(MONDAY, {**LOW, "account.mrr_minor": 90_000, "contacts.main_id": "kim"}, score=5250, band="amber")
    health, _, task = made.outward
    assert [one.type for one in made.outward] == ["health.changed", "alert.opened", "task.opened"]
    said = msgspec.convert(task.data, Moved)
    assert (said.id, said.kind, said.state, said.previous_state) == (made.only("task").id, "task", "open", None)
    assert (said.title, said.severity, said.matter, said.due_at) == ("Few features", "medium", "usage", MONDAY + DAY)
    assert said.reasons == made.only("task").request.why != []
    assert said.assignee is not None
    assert (said.assignee.id, said.assignee.name, said.actor) == ("own", "Olive", "keepwell")
    assert (said.account.score, said.account.band, said.account.mrr_minor) == (52.5, "amber", 90_000)
    assert (said.playbook, said.episode_id) == (made.sent[0].playbook, made.sent[0].episode_id)
    assert (health.data["previous_band"], health.data["band"], health.data["score"]) == ("unknown", "amber", 52.5)


def test_nobody_is_told_what_nobody_wants() -> None:
    made = an_office(subscribed=Subscribed(frozenset({"task.closed", "flag.opened"})))
    made.assess(MONDAY, LOW, band="red", score=100)
    assert told(made) == []
    made.assess(MONDAY + DAY, HIGH)
    assert told(made) == [("task.closed", "open", "closed")]
    unheard = an_office(subscribed=Subscribed())
    unheard.assess(MONDAY, LOW)
    unheard.do(unheard.only("task"), "done", MONDAY + HOUR)
    assert unheard.outward == []


def test_what_a_person_does_is_told_and_who_did_it() -> None:
    made = an_office()
    made.assess(MONDAY, HIGH)
    written = made.write(MONDAY, "Send the deck", "lee")
    (opened,) = made.outward
    assert (opened.data["actor"], opened.data["playbook"], opened.data["episode_id"]) == ("lee", None, None)
    told(made)
    made.do(written, "take", MONDAY + HOUR, "own", note="on it")
    (moved,) = made.outward
    assert (moved.data["actor"], moved.data["note"], moved.data["state"]) == ("own", "on it", "taken")
    told(made)
    made.do(made.items[written.id], "reassign", MONDAY + HOUR, "own", to="lee")
    assert made.outward[0].data["assignee"]["id"] == "lee"
    assert told(made) == [("task.moved", "taken", "open")]
    made.do(made.items[written.id], "snooze", MONDAY + HOUR, "lee", until=MONDAY + 2 * DAY)
    assert made.outward[0].data["snoozed_until"] == "2026-03-04T10:00:00Z"
    assert told(made) == [("task.moved", "open", "snoozed")]
    made.wait(MONDAY + 2 * DAY)
    assert told(made) == [("task.moved", "snoozed", "open")]
    made.do(made.items[written.id], "done", MONDAY + 3 * DAY, "lee", note="sent")
    assert told(made) == [("task.closed", "open", "done")]
    made.do(made.items[written.id], "reopen", MONDAY + 3 * DAY, "lee")
    assert told(made) == [("task.moved", "done", "open")]


def test_what_ends_by_itself_is_told_closed_with_why() -> None:
    made = an_office()
    made.assess(MONDAY, LOW)
    told(made)
    made.assess(MONDAY + DAY, HIGH)
    assert {one.data["note"] for one in made.outward} == {made.only("task").note}
    assert sorted(told(made)) == [("alert.closed", "open", "closed"), ("task.closed", "open", "closed")]


def test_what_is_late_goes_up_and_both_are_told() -> None:
    made = an_office("id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: Few, severity: high, due: 1 day}]")
    made.assess(MONDAY, LOW)
    told(made)
    made.wait(MONDAY + 2 * DAY)
    assert sorted(told(made), key=str) == [("alert.opened", None, "open"), ("task.moved", "open", "open")]


def test_what_only_decides_tells_nothing() -> None:
    made = an_office(f"{FEW}\nmode: shadow")
    made.assess(MONDAY, LOW)
    assert [move.reason for move in made.moves if "would ask" in move.reason]
    assert told(made) == []


def test_of_whoever_is_erased_nothing_is_told_but_that_it_ended() -> None:
    made = an_office(UNHAPPY)
    made.assess(MONDAY, HIGH)
    made.event(MONDAY, "feedback.nps", contact_id="kim", score=3, comment="Kim Miller hates the export")
    made.outward.clear()
    erased = ContactErased(contact_id="kim", texts=["Kim Miller"])
    made.assess(MONDAY + DAY, HIGH, erased=erased, cause=Cause(kind="event", type="contact.erased"))
    (closed,) = made.outward
    assert (closed.type, closed.data["title"], closed.data["contact_id"]) == ("task.closed", ERASED, None)
    assert closed.contact_id is None
    assert "Kim" not in msgspec.json.encode(closed).decode()


@pytest.mark.parametrize("gone", ["merged", "erased"])
def test_of_an_account_that_goes_the_end_is_told(gone: Any) -> None:
    made = an_office()
    made.assess(MONDAY, LOW, band="green", score=9000)
    told_before = len(made.outward)
    made.assess(MONDAY + DAY, {}, gone=gone, cause=Cause(kind="event"), previous_band="green", previous_score=9000)
    health, *items = made.outward[told_before:]
    assert (health.data["previous_band"], health.data["band"]) == ("green", "unknown")
    assert sorted(one.type for one in items) == ["alert.closed", "task.closed"]
    assert all((one.data["title"] == ERASED) is (gone == "erased") for one in items)
    made.outward.clear()
    made.assess(MONDAY + 2 * DAY, {}, gone=gone, cause=Cause(kind="event"))
    assert made.outward == []


# Health

GREEN: dict[str, Any] = {"score": 9000, "band": "green"}
RED: dict[str, Any] = {"score": 2000, "band": "red"}
LESS: dict[str, Any] = {"score": 8999, "band": "green"}


def bands(made: Office) -> list[tuple[Any, Any, Any, Any]]:
    found = [msgspec.convert(one.data, HealthChanged) for one in made.outward if one.type == "health.changed"]
    made.outward.clear()
    return [(one.previous_band, one.band, one.previous_score, one.score) for one in found]


def test_a_change_of_band_is_told_and_one_of_score_where_somebody_wants_it() -> None:
    made = an_office()
    made.assess(MONDAY, HIGH, **GREEN)
    assert bands(made) == [("unknown", "green", None, 90.0)]
    made.assess(MONDAY + HOUR, HIGH, **LESS)
    assert bands(made) == []
    made.assess(MONDAY + 2 * HOUR, HIGH, **RED)
    assert bands(made) == [("green", "red", 89.99, 20.0)]
    made.rules = made.rules._replace(subscribed=ALL._replace(score_by=5.0))
    made.assess(MONDAY + 3 * HOUR, HIGH, score=2001, band="red")
    assert bands(made) == [("red", "red", 20.0, 20.01)]
    made.assess(MONDAY + 4 * HOUR, HIGH, score=2001, band="red")
    assert bands(made) == []


def test_an_import_tells_what_it_came_to_when_it_has_ended() -> None:
    made = an_office()
    made.assess(MONDAY, HIGH, **GREEN)
    bands(made)
    for hour, now in enumerate((RED, GREEN, RED)):
        made.assess(MONDAY + hour * HOUR, HIGH, imports=["old"], **now)
    assert bands(made) == []
    made.assess(MONDAY + DAY, HIGH, cause=Cause(kind="history"), found_in="old", **RED)
    assert bands(made) == [("green", "red", 90.0, 20.0)]
    made.assess(MONDAY + 2 * DAY, HIGH, imports=["another"], **GREEN)
    made.assess(MONDAY + 3 * DAY, HIGH, cause=Cause(kind="history"), found_in="another", **RED)
    assert bands(made) == []


def test_an_account_that_an_import_brings_is_told_when_that_has_ended() -> None:
    made = an_office()
    made.assess(MONDAY, HIGH, imports=["old"], **GREEN)
    assert bands(made) == []
    made.assess(MONDAY + DAY, HIGH, cause=Cause(kind="history"), found_in="old", **GREEN)
    assert bands(made) == [("unknown", "green", None, 90.0)]


def test_what_has_no_score_says_why_and_goes_on_saying_nothing() -> None:
    made = an_office()
    why = {"health.score": "not scored: a partner"}
    made.assess(MONDAY, HIGH, unknown=why)
    assert bands(made) == []
    made.assess(MONDAY + HOUR, HIGH, **GREEN)
    made.outward.clear()
    made.assess(MONDAY + DAY, HIGH, unknown=why)
    (said,) = made.outward
    assert (said.data["band"], said.data["score"], said.data["reason"]) == ("unknown", None, "not scored: a partner")


def test_drivers_come_by_size_and_the_event_behind_it_is_named_and_not_repeated() -> None:
    made = an_office()
    drivers = [Driver(kind="measure", name=f"m{one}", points=-100 * one, reason=f"reason {one}") for one in range(12)]
    cause = Cause(kind="event", source="desk", id="e-1", type="ticket.opened", time=MONDAY, data={"title": "secret"})
    made.assess(MONDAY, HIGH, drivers=drivers, cause=cause, **RED)
    (said,) = made.outward
    assert [one["points"] for one in said.data["drivers"]] == [-float(one) for one in range(11, 1, -1)]
    assert said.data["cause"] == {
        "kind": "event",
        "source": "desk",
        "id": "e-1",
        "type": "ticket.opened",
        "time": "2026-03-02T10:00:00Z",
    }


# Answers


def test_an_answer_is_told_once_with_who_gave_it() -> None:
    made = an_office()
    cause = an_answer(3, MONDAY - DAY)
    more = {"comment": "slow", "product": "api", "answers": {"why": "exports"}}
    cause = msgspec.structs.replace(cause, contact_name="Kim", contact_role="admin", data=cause.data | more)
    made.assess(MONDAY, HIGH, cause=cause)
    (said,) = made.outward
    answer = msgspec.convert(said.data, AnswerReceived)
    assert (said.type, said.contact_id, answer.kind, answer.score) == ("answer.received", "admin", "nps", 3)
    assert (answer.contact, answer.role, answer.comment, answer.product) == ("Kim (admin)", "admin", "slow", "api")
    assert (answer.source, answer.id, answer.at, answer.survey_kind) == ("survey", "a-1", MONDAY - DAY, "relational")
    assert answer.further == {"why": "exports"}
    made.assess(MONDAY + HOUR, HIGH)
    assert len(made.outward) == 1


def test_what_is_answered_at_an_account_that_is_no_customer_is_not_told() -> None:
    made = an_office()
    made.assess(MONDAY, {**HIGH, "account.excluded": "test"}, cause=an_answer(3, MONDAY))
    assert made.outward == []
    made.assess(MONDAY + DAY, {**HIGH, "account.churned": True}, cause=an_answer(3, MONDAY + DAY))
    assert [one.type for one in made.outward] == ["answer.received"]


def test_what_somebody_answered_who_was_erased_is_not_told() -> None:
    made = an_office()
    made.assess(MONDAY, HIGH, cause=msgspec.structs.replace(an_answer(3, MONDAY), data={"score": 3}))
    assert made.outward == []


# Every move of every kind


def an_item(kind: str, state: str) -> Item:
    task = an_action(kind=kind, action_id="act_1")
    return item_of(task, "few", None, "owner of the account", MONDAY)._replace(state=state, assignee="own")


def told_by(*moves: tuple[Item, Move]) -> list[WebhookTold]:
    """What one transaction tells that makes these."""
    changes = Changes(Directory(), ALL)
    for item, move in moves:
        changes.put(item, move)
    changes.tell_others()
    found = [registry.data_of(one.event) for one in changes.out]
    return [one for one in found if isinstance(one, WebhookTold)]


@pytest.mark.parametrize(("kind", "state", "event"), EVERY)
def test_every_move_is_told_by_where_it_leads(kind: str, state: str, event: str) -> None:
    item = an_item(kind, state)
    after = item.moved(event)
    (said,) = told_by((after, Move(item.id, MONDAY, state, after.state, "so", "own")))
    closes = after.state not in OPEN and state in OPEN
    assert said.type == f"{kind}.{'closed' if closes else 'moved'}"
    assert (said.data["previous_state"], said.data["state"], said.data["note"]) == (state, after.state, "so")


walks = st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), min_size=1, max_size=6)


@given(st.sampled_from(sorted(MOVES)), walks)
@settings(max_examples=200)
def test_what_is_told_replays_to_how_the_item_stands(kind: str, transactions: list[list[int]]) -> None:
    item, at, known = an_item(kind, "open"), MONDAY, dict[str, Any]()
    before, told_of = None, list[str]()
    for number, choices in enumerate(transactions):
        moves = list[tuple[Item, Move]]()
        if number == 0:
            moves.append((item, Move(item.id, at, None, item.state, "made", "keepwell")))
        for choice in choices:
            can = sorted(event for state, event in MOVES[kind] if state == item.state)
            if not can:
                break
            at += timedelta(seconds=1)
            moved = item.moved(can[choice % len(can)])._replace(due_at=at, assignee=("own", "lee")[choice % 2])
            moves.append((moved, Move(item.id, at, item.state, moved.state, f"{choice}", "own")))
            item = moved
        said = told_by(*moves)
        assert len(said) == bool(moves)
        for one in said:
            assert one.data["previous_state"] == before
            known, before = one.data, one.data["state"]
            told_of.append(one.type)
    assert (known["state"], known["assignee"]["id"]) == (item.state, item.assignee)
    assert told_of[0] in (f"{kind}.opened", f"{kind}.closed")
    assert told_of.count(f"{kind}.opened") <= 1


def test_the_same_thing_has_the_same_id_and_another_another() -> None:
    ids = set[str]()
    for note in ("a", "a", "b"):
        changes = Changes(Directory(), ALL)
        item = an_item("task", "open")
        changes.put(item, Move(item.id, MONDAY, "open", "open", note, "own"))
        changes.tell_others()
        ids |= {one.event.id for one in changes.out if one.event.type == "webhook.told"}
    assert len(ids) == 2
