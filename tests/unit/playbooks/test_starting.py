"""A playbook that somebody starts by hand, and every reason why it can't be."""

from typing import Any

import msgspec
import pytest

from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import standing
from services.playbooks.core.starting import start, why_not
from services.playbooks.core.step import dismiss, step
from services.playbooks.core.work import Work
from services.playbooks.files import read_people
from shared.files.templates import render
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, UNKNOWN, a_look, a_playbook, an_assessment, stalled

HELD_OUT = "id: half\nholdout: 50 %\nwhen: usage.breadth < 40 %\nsteps: [{webhook: tell}]"
REPEATED = stalled(repeat="{after: 7d}")


@pytest.mark.parametrize(
    ("facts", "others", "why"),
    [
        (HIGH, {}, "does not hold here: usage breadth is 75 %, at least 40 %"),
        (LOW, {"muted": "lawyers talk"}, "can't start: the account is muted: lawyers talk"),
        (LOW, {"paused": {"stalled": "too many"}}, "can't start: it is paused: too many"),
        (LOW, {"quiet": True}, "can't start while an import of this account's history is open"),
        ({**LOW, "account.churned": True}, {}, "is not for this account: the customer left"),
        (LOW, {}, None),
        # What nobody knows keeps no person from it.
        (UNKNOWN, {}, None),
    ],
)
def test_what_keeps_it_is_said(facts: dict[str, Any], others: dict[str, Any], why: str | None) -> None:
    look = a_look(facts, MONDAY, **others)
    assert why_not(stalled(), None, look) == why
    if why is None:
        assert start(stalled(), None, look, "ana").fired


def test_what_would_do_nothing_is_not_begun() -> None:
    shadow = msgspec.structs.replace(stalled(), shadow=True)
    assert why_not(shadow, None, a_look(LOW, MONDAY)) == "would tell nobody: its mode is shadow"
    half, look = a_playbook(HELD_OUT), a_look(LOW, MONDAY)
    name = next(name for name in map(str, range(50)) if is_held_out(half, name))
    said = why_not(half, None, msgspec.structs.replace(look, account=name))
    assert said is not None
    assert said.startswith("holds this account out")


def test_what_exits_at_once_waits_for_an_event_or_rests_says_so() -> None:
    exits = stalled(exit_when="usage.breadth > 20 %")
    assert why_not(exits, None, a_look(LOW, MONDAY)) == "would be over at once: usage breadth is 25 %, over 20 %"
    asked = a_playbook("id: x\non_event: feedback.nps\nsteps: [task: Call]")
    assert why_not(asked, None, a_look(LOW, MONDAY)) == "begins by itself, when feedback.nps comes"
    fired = step(REPEATED, None, a_look(LOW, MONDAY)).episode
    assert why_not(REPEATED, fired, a_look(LOW, MONDAY + DAY)) == "has begun already, at Mon 2 Mar 2026, 10:00 UTC"
    ended = step(REPEATED, fired, a_look(HIGH, MONDAY + DAY)).episode
    assert why_not(REPEATED, ended, a_look(LOW, MONDAY + 2 * DAY)) == "rests until Tue 10 Mar 2026, 10:00 UTC"


def test_what_was_let_be_begins_anew_when_a_person_says_so() -> None:
    found = step(stalled(), None, a_look(LOW, MONDAY, found_in="import-1")).episode
    assert found is not None
    let_be = dismiss(stalled(), found, a_look(LOW, MONDAY + DAY), "we know").episode
    assert let_be is not None
    look = a_look(LOW, MONDAY + 2 * DAY)
    assert step(stalled(), let_be, look).asks == ()
    assert why_not(stalled(), let_be, look) is None
    begun = start(stalled(), let_be, look, "ana")
    assert begun.fired
    assert len(begun.asks) == 1


def test_the_text_by_which_it_begins_is_kept_though_no_partition_goes_by_it_yet() -> None:
    playbook, other = stalled(), a_playbook("id: other\nwhen: usage.breadth < 10 %\nsteps: [alert: Hi]")
    entries = Entry(playbook, "its text"), Entry(other, "another")
    account = standing("northwind", an_assessment(1, MONDAY, LOW))
    work = Work(Rules(Library(entries), read_people("csms: []", "csms.yaml"), render), [account], ())
    work.on_playbook("northwind", playbook, lambda look: start(playbook, None, look, "ana"), "ana", MONDAY + DAY)
    assert work.changes.begun == {("stalled", playbook.version): MONDAY + DAY}
    assert [one.source for one in work.rules.library.named(work.changes.begun)] == ["its text"]
    work = Work(work.rules, [work.standings["northwind"]], work.changes.episodes.values())
    work.time("northwind", MONDAY + 2 * DAY)
    assert work.changes.begun == {}
