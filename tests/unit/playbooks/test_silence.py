"""Playbooks that are paused, and accounts that are muted: what is silent meanwhile, and what comes of it afterwards."""

from datetime import datetime
from typing import Any

import pytest

from services.playbooks.core.item import NotPossible
from services.playbooks.core.rules import Pause
from shared.messages.accounts import NoteAdded
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

FEW = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: Few features, due: 2d}, {after: 3d, alert: Still few}]"
HELD = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 2d\nsteps: [{alert: Few for days}]"
ASKED = "id: asked\nurgent: true\non_event: feedback.nps\nsteps: [{alert: An answer}]"
TOLD = "id: told\nwhen: usage.breadth < 40 %\nsteps: [{alert: Few}]\non_exit: [{alert: Many again}]"
HERE = """
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lee}
  - {id: lee, name: Lee, email: lee@example.com}
"""
OWNED = {"account.owner": "ana@example.com"}
WEEK = MONDAY + 7 * DAY


def office(*playbooks: str, **facts: Any) -> Office:
    made = Office(*playbooks, people=HERE)
    made.assess(MONDAY - HOUR, {**OWNED, **(facts or HIGH)})
    return made


def paused(playbook: str, ended_at: datetime | None = None) -> Pause:
    return Pause(playbook, MONDAY, None, "it asks too much", "ops", ended_at)


def states(made: Office) -> dict[str, str]:
    return {one.playbook: one.state for one in made.episodes.values()}


class TestPause:
    def test_it_fires_nothing_and_what_became_true_is_found_so_afterwards(self) -> None:
        made = office(FEW)
        made.pause(paused("few"))
        assert made.meet(MONDAY) == []
        assert made.assess(MONDAY + HOUR, {**OWNED, **LOW}) == []
        made.pause(paused("few", WEEK))
        assert made.meet(WEEK) == []
        assert states(made) == {"few": "found"}
        # What comes after that is news.
        made.assess(WEEK + HOUR, {**OWNED, **HIGH})
        assert len(made.assess(WEEK + 2 * HOUR, {**OWNED, **LOW})) == 1

    def test_after_the_second_pause_it_is_found_so_again(self) -> None:
        made = office(FEW)
        for week in (WEEK, WEEK + 7 * DAY):
            made.pause(paused("few"))
            made.assess(week - DAY, {**OWNED, **LOW})
            made.pause(paused("few", week))
            assert made.meet(week) == []
            assert states(made) == {"few": "found"}
            made.assess(week + HOUR, {**OWNED, **HIGH})
            assert states(made) == {"few": "idle"}
        assert [move.after for move in made.moves] == ["found", "idle", "found", "idle"]
        assert len({move.subject for move in made.moves}) == 2

    def test_what_it_has_begun_goes_on(self) -> None:
        made = office(FEW, **LOW)
        made.pause(paused("few"))
        assert "Still few" in [one.title for one in made.wait(MONDAY + 3 * DAY)]
        made.assess(MONDAY + 4 * DAY, {**OWNED, **HIGH})
        assert states(made) == {"few": "idle"}

    @pytest.mark.parametrize("looks", [True, False])
    def test_what_has_waited_to_fire_does_not_then_either(self, looks: bool) -> None:
        made = office(HELD, **LOW)
        made.pause(paused("held"))
        if looks:
            assert made.wait(MONDAY + 3 * DAY) == []
        else:
            assert made.meet(MONDAY + 3 * DAY) == []
        assert states(made) == {"held": "idle"}
        assert "it is paused: it asks too much" in made.moves[-1].reason
        made.pause(paused("held", WEEK))
        assert made.meet(WEEK) == []
        assert states(made) == {"held": "found"}

    def test_events_that_come_meanwhile_are_let_be(self) -> None:
        made = office(ASKED)
        made.pause(paused("asked"))
        assert made.event(MONDAY + HOUR, "feedback.nps", score=2) == []
        made.pause(paused("asked", WEEK))
        assert made.meet(WEEK) == []
        assert len(made.event(WEEK + HOUR, "feedback.nps", score=2)) == 1

    def test_other_playbooks_fire(self) -> None:
        made = office(FEW, TOLD)
        made.pause(paused("few"))
        assert [one.title for one in made.assess(MONDAY + HOUR, {**OWNED, **LOW})] == ["Few"]


class TestMute:
    def test_nothing_fires_and_what_holds_afterwards_is_found_so(self) -> None:
        made = office(FEW, ASKED)
        assert made.mute(MONDAY, WEEK) == []
        assert made.assess(MONDAY + HOUR, {**OWNED, **LOW}) == []
        assert made.event(MONDAY + 2 * HOUR, "feedback.nps", score=2) == []
        assert made.wait(WEEK) == []
        assert states(made) == {"few": "found"}
        assert made.standings["northwind"].muted is None
        assert made.logged == [NoteAdded(text="Muted until Mon 9 Mar 2026, 10:00 UTC: lawyers talk", author="Lee")]

    def test_what_holds_after_the_second_is_found_so_again_and_asks_for_nothing(self) -> None:
        made = office(FEW)
        for week in (WEEK, WEEK + 7 * DAY):
            made.assess(week - 2 * DAY, {**OWNED, **HIGH})
            made.mute(week - DAY, week)
            assert made.assess(week - HOUR, {**OWNED, **LOW}) == []
            assert made.wait(week) == []
            assert states(made) == {"few": "found"}
        assert made.assess(WEEK + 8 * DAY, {**OWNED, **LOW}) == []

    def test_steps_wait_and_tasks_stay_without_reminders(self) -> None:
        made = office(FEW, **LOW)
        made.mute(MONDAY, WEEK)
        assert made.wait(MONDAY + 3 * DAY) == []
        assert (made.only("task").state, made.only("task").escalated_at) == ("open", None)
        told = made.wait(WEEK)
        assert sorted(one.title for one in told) == ["Overdue: Few features", "Still few"]

    def test_what_was_to_fire_is_found_so_and_comes_not_at_once(self) -> None:
        made = office(HELD, **LOW)
        made.mute(MONDAY, MONDAY + 5 * DAY)
        assert states(made) == {"held": "idle"}
        assert made.wait(MONDAY + 5 * DAY) == []
        assert states(made) == {"held": "found"}

    def test_what_ends_meanwhile_ends_and_is_told_to_nobody(self) -> None:
        made = office(TOLD, **LOW)
        made.settle()
        made.mute(MONDAY, WEEK)
        assert made.assess(MONDAY + HOUR, {**OWNED, **HIGH}) == []
        assert (made.only("alert").state, made.only("alert").over_since) == ("closed", None)

    def test_people_go_on_working(self) -> None:
        made = office(FEW, **LOW)
        made.mute(MONDAY, WEEK)
        (told,) = made.do(made.only("task"), "reassign", MONDAY + HOUR, to="lee")
        assert told.recipient is not None
        made.write(MONDAY + HOUR, "Ask the lawyers", "lee")
        assert len(made.open("task")) == 2

    def test_it_can_be_ended_at_once_and_said_twice(self) -> None:
        made = office(FEW)
        made.mute(MONDAY, WEEK)
        notes = len(made.logged)
        made.mute(MONDAY + HOUR, WEEK)
        assert len(made.logged) == notes
        made.assess(MONDAY + 2 * HOUR, {**OWNED, **LOW})
        assert made.mute(MONDAY + 3 * HOUR, MONDAY + 3 * HOUR) == []
        assert states(made) == {"few": "found"}
        assert made.logged[-1] == NoteAdded(text="No longer muted", author="Lee")
        assert made.mute(MONDAY + 4 * HOUR, MONDAY) == []
        assert made.logged[-1] == NoteAdded(text="No longer muted", author="Lee")

    def test_of_an_account_that_has_gone_nobody_hears_anyway(self) -> None:
        made = office(FEW)
        made.assess(MONDAY, {}, gone="erased")
        with pytest.raises(NotPossible, match="the account was erased"):
            made.mute(MONDAY + HOUR, WEEK)
        assert made.logged == []

    def test_it_outlasts_what_happens_at_the_account(self) -> None:
        made = office(FEW)
        made.mute(MONDAY, WEEK)
        for hour in range(1, 4):
            assert made.assess(MONDAY + hour * HOUR, {**OWNED, **(LOW if hour % 2 else HIGH)}) == []
        assert made.standings["northwind"].muted is not None
        assert made.standings["northwind"].look_at == WEEK
