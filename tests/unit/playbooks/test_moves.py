"""A day's work: what people do with tasks, alerts and flags, and what its history and the timeline have of it."""

from typing import Any

import pytest

from services.playbooks.core.checklist import MOST, Point, Ticking, ticked, with_points
from services.playbooks.core.item import Item, NotPossible
from shared.messages.accounts import InteractionLogged, NoteAdded
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

FEW = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: Few features, due: 2d}]"
GROW = "id: grow\nurgent: true\nwhen: usage.active_share >= 90 %\nsteps: [{flag: More seats}]"
TOLD = "id: told\nwhen: usage.breadth < 40 %\nsteps: [{alert: Few features}]"
OWNED = {**LOW, "account.owner": "ana@example.com"}
HERE = """
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lee}
  - {id: ben, name: Ben, email: ben@example.com, manager: lee}
  - {id: lee, name: Lee, email: lee@example.com, away: [{from: 2026-03-02, to: 2026-03-08}]}
"""


def office(*playbooks: str) -> Office:
    made = Office(*playbooks or (FEW,), people=HERE)
    made.assess(MONDAY, OWNED)
    return made


def said(made: Office, item: Item) -> list[tuple[str, str]]:
    """The history of an item: who, and what they said."""
    return [(move.actor, move.reason) for move in made.moves if move.subject == item.id]


def test_who_takes_a_task_of_somebody_else_has_it_and_the_other_has_one_less() -> None:
    made = office()
    made.do(made.only("task"), "take", MONDAY + HOUR, actor="ben@example.com", note="I know them.")
    task = made.only("task")
    assert (task.state, task.assignee, task.taken_by, task.because) == ("taken", "ben", "ben", "Ben took it")
    assert task.request.recipient is not None
    assert task.request.recipient.name == "Ben"
    assert (made.loads["ana"].open_tasks, made.loads["ben"].open_tasks) == (0, 1)
    # Whom it was meant for had not read of it yet, and need not.
    assert [one.reason for one in made.cancelled] == ["Ben took it"]
    assert said(made, task)[-1] == ("ben@example.com", "I know them.")


def test_of_two_who_take_a_task_the_second_hears_who_has_it() -> None:
    made = office()
    made.do(made.only("task"), "take", MONDAY + HOUR, actor="ben")
    with pytest.raises(NotPossible, match=r"^Ben has taken it already\. If they agree, have it reassigned\.$"):
        made.do(made.only("task"), "take", MONDAY + HOUR, actor="ana")
    before = len(made.moves)
    made.do(made.only("task"), "take", MONDAY + HOUR, actor="ben@example.com")
    assert len(made.moves) == before
    made.do(made.only("task"), "reassign", MONDAY + 2 * HOUR, actor="lee", to="ana")
    made.do(made.only("task"), "take", MONDAY + 3 * HOUR, actor="ana")
    assert (made.only("task").assignee, made.only("task").taken_by) == ("ana", "ana")


def test_every_comment_is_a_line_of_the_history() -> None:
    made = office()
    for who in ("ana", "ben", "ana"):
        made.do(made.only("task"), "comment", MONDAY + HOUR, actor=who, note="Called, no answer.")
    assert [line for line in said(made, made.only("task")) if line[1] == "Called, no answer."] == [
        ("ana", "Called, no answer."),
        ("ben", "Called, no answer."),
        ("ana", "Called, no answer."),
    ]
    with pytest.raises(NotPossible, match="say something"):
        made.do(made.only("task"), "comment", MONDAY + HOUR)


def test_an_alert_and_a_flag_are_commented_on_too() -> None:
    made = office(TOLD, GROW)
    made.assess(MONDAY + HOUR, {**OWNED, "usage.active_share": 95})
    for kind in ("alert", "flag"):
        made.do(made.only(kind), "comment", MONDAY + 2 * HOUR, note="Known.")
        assert (made.only(kind).note, made.only(kind).state, made.only(kind).touched) == ("Known.", "open", True)


def test_points_are_ticked_by_their_numbers_whoever_took_others_off() -> None:
    made = office()
    for ticking in (Ticking(add=("Deck", "Call", "Mail")), Ticking(remove=(1,), tick=(2,)), Ticking(add=("Book",))):
        made.do(made.only("task"), "checklist", MONDAY + HOUR, ticking=ticking)
    task = made.only("task")
    assert [(one.number, one.text, one.by) for one in task.checklist] == [
        (2, "Call", "ana"),
        (3, "Mail", None),
        (4, "Book", None),
    ]
    assert [line[1] for line in said(made, task)][1:] == [
        "added: Deck; added: Call; added: Mail",
        "done: Call; taken off: Deck",
        "added: Book",
    ]
    moves = len(made.moves)
    made.do(task, "checklist", MONDAY + HOUR, ticking=Ticking(tick=(2,)))
    assert len(made.moves) == moves
    with pytest.raises(NotPossible, match=r"^There is no point 9 on the checklist; there are 2, 3 and 4\.$"):
        made.do(task, "checklist", MONDAY + HOUR, ticking=Ticking(tick=(9,)))


def test_a_checklist_has_an_end() -> None:
    points = with_points((), ["x"] * MOST)
    with pytest.raises(ValueError, match=f"{MOST} points at most"):
        ticked(points, Ticking(add=("one more",)), "ana")
    assert len(ticked(points, Ticking(add=("one more",), remove=(1,)), "ana")[0]) == MOST
    assert ticked((Point(1, "a", done=True, by="ben"),), Ticking(untick=(1,)), "ana")[1] == "open again: a"


def test_a_task_that_becomes_pressing_is_brought_sooner_where_it_waits() -> None:
    hours = "hours: 09:00-17:00"
    made = Office(FEW, people=f"csms: [{{id: ana, name: Ana, email: ana@example.com, {hours}}}]")
    made.assess(MONDAY, OWNED)
    assert made.only("task").not_before == made.sent[-1].not_before is not None
    (anew,) = made.do(made.only("task"), "priority", MONDAY + HOUR, priority="critical", note="The CEO wrote.")
    assert (anew.severity, anew.not_before, anew.revision) == ("critical", None, 1)
    assert said(made, made.only("task"))[-1][1] == "priority critical, was medium: The CEO wrote."
    assert made.do(made.only("task"), "priority", MONDAY + HOUR, priority="critical") == []


@pytest.mark.parametrize(
    ("how", "kind"), [({}, "other"), ({"interaction": "call"}, "call"), ({"interaction": "none"}, None)]
)
def test_what_was_done_is_a_talk_on_the_timeline(how: dict[str, Any], kind: str | None) -> None:
    made = office()
    made.do(made.only("task"), "done", MONDAY + HOUR, note="They will train the team.", contact_id="kim", **how)
    said = {"contact_id": "kim", "note": "Few features. They will train the team.", "author": "Ana"}
    assert made.logged == ([InteractionLogged(kind=kind, **said)] if kind else [])
    made.do(made.only("task"), "done", MONDAY + HOUR, note="They will train the whole team.")
    assert len(made.logged) == (1 if kind else 0)
    with pytest.raises(NotPossible, match="done already"):
        made.do(made.only("task"), "done", MONDAY + HOUR, interaction="email")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("no_result", "Tried without result"),
        ("false_alarm", "False alarm"),
    ],
)
def test_what_came_to_nothing_is_a_note_and_no_talk(event: str, words: str) -> None:
    made = office()
    made.do(made.only("task"), event, MONDAY + HOUR, actor="ana@example.com", note="Voice mail.")
    assert made.logged == [NoteAdded(text=f"{words}: Few features. Voice mail.", author="Ana")]


def test_a_flag_that_was_won_stands_on_the_timeline_with_its_worth() -> None:
    made = office(GROW)
    made.assess(MONDAY + HOUR, {**OWNED, "usage.active_share": 95})
    made.do(made.only("flag"), "won", MONDAY + DAY, amount_minor=90_000, currency="EUR", note="20 seats.")
    assert made.logged == [NoteAdded(text="Won: More seats, €900/month. 20 seats.", author="Ana")]


def test_who_is_given_a_task_reads_why_and_whoever_gave_it_that_they_are_away() -> None:
    made = office()
    (told,) = made.do(made.only("task"), "reassign", MONDAY + HOUR, to="lee", note="Ask for Kim first.")
    assert told.why[0] == "ana: Ask for Kim first."
    task = made.only("task")
    assert task.because == "reassigned by ana, though Lee is away until 8 Mar 2026"
    assert said(made, task)[-1][1] == "reassigned to Lee: Ask for Kim first."


def test_of_two_tasks_that_become_one_no_point_is_lost_and_who_takes_one_has_it() -> None:
    made = office()
    first = made.write(MONDAY, "Train them", assignee="ana", matter="growth", checklist=["Slides", "Room"])
    made.do(first, "checklist", MONDAY, ticking=Ticking(tick=[2]))
    second = made.write(MONDAY, "Train them again", assignee="ben", matter="growth", checklist=["Date"])
    made.do(made.items[first.id], "take", MONDAY + HOUR, actor="ben")
    both = made.items[second.id]
    points = [(one.number, one.text, one.done) for one in both.checklist]
    assert points == [(1, "Date", False), (2, "Slides", False), (3, "Room", True)]
    assert (both.state, both.taken_by, both.touched_by) == ("taken", "ben", "ben")
    assert made.items[first.id].state == "closed"
    many = tuple(Point(number, "x") for number in range(1, MOST + 10))
    assert ticked(many, Ticking(tick=[1]), "ana")[1] == "done: x"


def test_with_a_task_that_becomes_one_with_another_ends_what_told_that_it_is_late() -> None:
    made = office()
    first = made.write(MONDAY, "Train them", assignee="ana", matter="growth", due_at=MONDAY + HOUR)
    second = made.write(MONDAY, "Train them again", assignee="ben", matter="growth", due_at=MONDAY + 9 * DAY)
    made.wait(MONDAY + 2 * HOUR)
    (late,) = [one for one in made.open("alert") if first.id in one.names]
    made.do(made.items[first.id], "reassign", MONDAY + 3 * HOUR, to="ben")
    assert (made.items[first.id].state, made.items[late.id].state) == ("closed", "closed")
    # What it has become is late by now.
    made.wait(MONDAY + 4 * HOUR)
    assert [one.names for one in made.open("alert")] == [(second.id,)]
