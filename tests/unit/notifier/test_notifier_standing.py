"""What became of an item, as its readers are told, and what they can do about it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.blocks import render
from services.notifier.channels.rendering import Renderer
from services.notifier.core.composing import compose
from services.notifier.core.standing import AS_TOLD, Standing, Stands, status
from services.notifier.core.together import compose_group
from shared.messages.actions import ActionRequested, Colleague
from shared.messages.moves import LABELS, LONGEST_VALUE, OFFERED, read_handle
from tests.support.notifier import NOW, THE_OWNER, a_flag, an_account, an_action, an_alert
from tests.support.slack_limits import faults

RENDERER = Renderer(interactive=True)
BEN = {"assignee_id": "ben", "assignee": "Ben Ode"}
DUE = "to be done by Fri 20 Nov 2026, 15:00 Berlin time"
TASK = an_action(item_id="tsk-41", colleagues=[Colleague(id="ben", name="Ben Ode"), Colleague(id="lee", name="Lee")])
ALERT = an_alert(item_id="alr-1")
FLAG = a_flag(item_id="flg-1")


def stands(state: str, **changes: Any) -> Standing:
    fields: dict[str, Any] = {"by": "Kim Lee", "words": state.replace("_", " "), "at": NOW - timedelta(minutes=3)}
    return Standing(state=state, **({"assignee_id": THE_OWNER.id} | fields | changes))


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (None, ""),
        (stands("taken"), "Kim Lee took it · 10:11"),
        (stands("taken", words="on it today"), "Kim Lee took it: on it today · 10:11"),
        (stands("taken", at=NOW - timedelta(days=1)), "Kim Lee took it · yesterday 10:14"),
        (stands("acknowledged"), "Kim Lee has seen it and is on it · 10:11"),
        (stands("accepted"), "Accepted by Kim Lee · 10:11"),
        (stands("snoozed", until=NOW + timedelta(days=5)), "Snoozed until Monday 10:14 by Kim Lee"),
        (stands("done", words="called, all fine"), "Done by Kim Lee: called, all fine"),
        (stands("no_result"), "Tried by Kim Lee, and nothing came of it"),
        (stands("false_alarm", words="on holiday"), "A false alarm, says Kim Lee: on holiday"),
        (stands("dismissed"), "Dismissed by Kim Lee"),
        (stands("won"), "Won by Kim Lee"),
        (stands("closed", by="", words="its task is done"), "Closed: its task is done"),
        (stands("closed", by="", words="paid", over_since=NOW), "Over since Wed 18 Nov 2026, 10:14 Berlin time: paid"),
        (stands("taken", over_since=NOW), "Kim Lee took it · 10:11 · over since Wed 18 Nov 2026, 10:14 Berlin time"),
        (stands("done", over_since=NOW), "Done by Kim Lee"),
        (stands("open", words="reassigned to Ben Ode", **BEN), "Given to Ben Ode by Kim Lee"),
        (stands("open", words="reassigned to Ben Ode: knows them", **BEN), "Given to Ben Ode by Kim Lee: knows them"),
        (stands("open", by="", words="Ana is away", **BEN), "Ben Ode has it now: Ana is away"),
        (stands("open", by="", words="it was snoozed until now"), ""),
        (stands("open", words="opened again"), "Opened again by Kim Lee"),
        (stands("open", words="they wrote again"), "Opened again by Kim Lee: they wrote again"),
        (stands("open", words=DUE), "Due Fri 20 Nov 2026, 15:00 Berlin time, says Kim Lee"),
        (
            stands("taken", words=f"{DUE}: they asked for it", assignee="Ana"),
            "Ana has it · Due Fri 20 Nov 2026, 15:00 Berlin time, says Kim Lee: they asked for it",
        ),
        (stands("taken", by="", words="Usage fell joined it", assignee="Ana"), "Ana has it: Usage fell joined it"),
    ],
)
def test_what_became_of_it_is_one_line(standing: Standing | None, said: str) -> None:
    assert status(standing, THE_OWNER, NOW, shared=False) == said


def test_whom_it_was_given_needs_no_telling() -> None:
    given = stands("open", words="reassigned to Owner of Northwind", assignee="Owner of Northwind")
    assert status(given, THE_OWNER, NOW, shared=False) == ""


def test_where_others_read_too_the_clock_is_named() -> None:
    assert status(stands("taken"), THE_OWNER, NOW, shared=True) == "Kim Lee took it · 10:11 (Berlin time)"


def test_what_people_wrote_is_one_safe_line() -> None:
    said = status(stands("done", by="K\x1b[31mim", words="all\nfine\u202e"), THE_OWNER, NOW, shared=False)
    assert said == "Done by Kim: all fine"


@pytest.mark.parametrize(("action", "kind"), [(TASK, "task"), (ALERT, "alert"), (FLAG, "flag")])
def test_what_is_offered_is_what_its_kind_and_state_allow(action: ActionRequested, kind: str) -> None:
    for (of, state), moves in OFFERED.items():
        if of == kind:
            found = compose(action, NOW, stands=Stands(stands(state))).offer
            assert found is not None
            assert (found.kind, found.item_id, tuple(found.moves)) == (kind, action.item_id, moves)
    for state in ("done", "no_result", "false_alarm", "closed", "dismissed", "won", "lost"):
        assert compose(action, NOW, stands=Stands(stands(state))).offer is None


def test_what_can_t_be_moved_offers_nothing() -> None:
    assert compose(an_action(), NOW).offer is None
    assert compose(an_action(), NOW).by_command == ""


def test_of_an_alert_with_its_task_the_task_moves() -> None:
    both = an_alert(item_id="alr-1", task=an_action().task)
    told = compose(both, NOW, stands=Stands(stands("acknowledged"), stands("taken")))
    assert told.offer is not None
    assert (told.offer.kind, told.offer.item_id, told.offer.title) == ("task", "tsk-41", "Call their admin")
    assert (told.offer.moves[0], told.status) == ("done", "Kim Lee took it · 10:11")


def test_what_has_gone_to_somebody_else_asks_nothing_of_its_reader_and_offers_it_where_others_read() -> None:
    gone = Stands(stands("open", words="reassigned to Ben Ode", **BEN))
    told, elsewhere = compose(TASK, NOW, stands=gone), compose(TASK, NOW, stands=gone, shared=True)
    assert (told.offer, told.todo) == (None, "")
    assert "assigned" not in told.footer
    assert elsewhere.offer is not None
    assert [one.id for one in elsewhere.offer.to] == ["lee"]


@pytest.mark.parametrize(
    ("standing", "title"),
    [
        (stands("done"), "Done: Call their admin"),
        (stands("false_alarm"), "False alarm: Call their admin"),
        (stands("closed", over_since=NOW), "Over: Call their admin"),
        (stands("taken", over_since=NOW), "Over: Call their admin"),
        (stands("taken"), "Call their admin"),
    ],
)
def test_the_title_says_what_is_settled(standing: Standing, title: str) -> None:
    told = compose(TASK, NOW, stands=Stands(standing))
    assert told.title == title
    assert (told.todo == "") == (told.due == "") == (title != "Call their admin")


def test_a_new_due_time_is_told() -> None:
    told = compose(TASK, NOW, stands=Stands(stands("open", words="put off", due_at=NOW + timedelta(days=2))))
    assert told.due == "Friday 10:14"


def test_without_a_public_address_it_says_how_to_act_by_keepwell() -> None:
    message = compose(ALERT, NOW)
    said = "To act on it: keepwell alerts acknowledge alr-1 (or snooze, close, reassign, false-alarm)"
    shown = render(message, RENDERER, "dlv_1")
    assert said in RENDERER.text(message)
    assert said in RENDERER.html(message).replace("&#39;", "'")
    assert shown["blocks"][-1]["elements"][0]["text"] == said
    assert said not in render(message, RENDERER, "dlv_1", buttons=True)["text"]


def test_in_a_message_about_many_the_ways_by_keepwell_are_named_once() -> None:
    some = [TASK, an_alert(item_id="alr-1", account=an_account("b")), a_flag(item_id="flg", account=an_account("c"))]
    said = compose_group(some, NOW).by_command
    assert said.startswith("To act on one: ")
    assert set(said.removeprefix("To act on one: ").split(", ")) == {
        "keepwell tasks done ID",
        "keepwell alerts acknowledge ID",
        "keepwell flags accept ID",
    }


WORDS = st.text(max_size=3_000)
STATES = st.sampled_from(sorted({state for _, state in OFFERED} | {"done", "closed", "lost"}))


@st.composite
def told(draw: st.DrawFn) -> list[tuple[ActionRequested, Stands]]:
    """Many things about many accounts, each in any state, with any words."""
    found: list[tuple[ActionRequested, Stands]] = []
    for n in range(draw(st.integers(1, 30))):
        make = draw(st.sampled_from([an_action, an_alert, a_flag]))
        people = [Colleague(id=f"csm-{one}" * 20, name=draw(WORDS)) for one in range(draw(st.integers(0, 40)))]
        action = make(
            f"act-{n}",
            item_id=f"item-{n}",
            account=an_account(f"c-{n % 12}", name=draw(WORDS)),
            why=[draw(WORDS)],
            colleagues=people,
            playbook=f"p{n % 3}@1",
        )
        state = stands(draw(STATES), by=draw(WORDS), words=draw(WORDS), over_since=draw(st.sampled_from([None, NOW])))
        found.append((action, draw(st.sampled_from([AS_TOLD, Stands(state)]))))
    return found


@given(told(), st.booleans(), st.booleans(), st.booleans())
def test_whatever_a_message_tells_slack_takes_it(
    what: list[tuple[ActionRequested, Stands]], shared: bool, buttons: bool, repeat: bool
) -> None:
    how = {action.action_id: stands for action, stands in what}
    message = compose_group([action for action, _ in what], NOW, shared=shared, stands=how)
    shown = render(message, RENDERER, "dlv_1", buttons=buttons, repeat=repeat)
    assert list(faults(shown["blocks"])) == []
    elements = [one for block in shown["blocks"] if block["type"] == "actions" for one in block["elements"]]
    assert bool(elements) == (buttons and bool(message.offers))
    for element in elements:
        assert len(element["value"]) <= LONGEST_VALUE
        assert element["text"]["text"] == LABELS[element["action_id"]]
        assert read_handle(element["value"]).item_id.startswith(("item-", "tsk-41"))
