from datetime import date, datetime, timedelta
from typing import Any, ClassVar

import msgspec
import pytest

from services.playbooks.core.episode import Ask, Episode, StepResult
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import close, close_task, end, leave, put_off, start, step
from services.playbooks.core.workinghours import Hours
from tests.support.playbooks import (
    DAY,
    HIGH,
    HOUR,
    LOW,
    MONDAY,
    SECOND,
    UNKNOWN,
    a_look,
    a_playbook,
    an_answer,
    stalled,
)

TASK_THEN_ESCALATE = """
  - task: Call them
  - after: 2d
    unless: task.done
    alert: Nobody called
"""


def run(playbook: Playbook, *looks: tuple[dict[str, Any], datetime], episode: Episode | None = None) -> StepResult:
    """Step through looks; the last one's result, with the asks of all."""
    asks: list[Ask] = []
    result = StepResult(episode=episode)
    for facts, at in looks:
        result = step(playbook, result.episode, a_look(facts, at))
        asks += result.asks
    return StepResult(episode=result.episode, asks=tuple(asks), timer=result.timer, moves=result.moves)


def state(stepped: StepResult) -> str:
    return stepped.episode.state if stepped.episode is not None else "none"


def of(stepped: StepResult) -> Episode:
    assert stepped.episode is not None
    return stepped.episode


class TestOurselves:
    """The account that stands for us is told of, and is no customer's."""

    OURS: ClassVar = {"account.id": "$company", "sources.interrupted": ["usage"]}

    def look(self, facts: dict[str, Any], at: datetime) -> Look:
        return msgspec.structs.replace(a_look(facts, at), account="$company")

    def test_a_source_that_is_interrupted_is_told_until_it_is_back(self) -> None:
        playbook = a_playbook("id: broken\nwhen: sources.interrupted is known\nsteps: [{alert: Look at the pipes}]")
        begun = step(playbook, None, self.look(self.OURS, MONDAY))
        assert (state(begun), [ask.kind for ask in begun.asks]) == ("active", ["alert"])
        assert state(step(playbook, begun.episode, self.look({}, MONDAY + HOUR))) != "active"

    def test_no_playbook_for_customers_fires(self) -> None:
        playbook = a_playbook("id: orphan\nwhen: account.owner is unknown\nsteps: [{task: Find an owner}]")
        assert state(step(playbook, None, self.look(self.OURS, MONDAY))) == "none"
        assert state(run(playbook, ({}, MONDAY))) == "active"


class TestFiring:
    def test_what_holds_fires_at_once_and_stores_what_it_saw(self) -> None:
        stepped = run(stalled(), (LOW, MONDAY))
        assert state(stepped) == "active"
        assert [ask.kind for ask in stepped.asks] == ["alert"]
        (reading,) = of(stepped).readings
        assert (reading.text, reading.value) == ("usage.breadth < 40 %", "25 %")
        assert [(move.before, move.after, move.actor) for move in stepped.moves] == [("idle", "active", "time")]

    def test_what_does_not_hold_does_nothing(self) -> None:
        assert run(stalled(), (HIGH, MONDAY)) == StepResult(episode=None)

    def test_what_is_unknown_fires_nothing(self) -> None:
        assert run(stalled(), (UNKNOWN, MONDAY)).episode is None

    def test_it_fires_once_however_long_it_holds(self) -> None:
        stepped = run(stalled(), *((LOW, MONDAY + n * DAY) for n in range(40)))
        assert len(stepped.asks) == 1

    def test_accounts_out_of_scope_are_left_alone(self) -> None:
        playbook = a_playbook(
            "id: x\nfor_accounts: account.stage == mature\nwhen: usage.breadth < 40 %\nsteps: [alert: Hi]"
        )
        assert run(playbook, ({**LOW, "account.stage": "adopting"}, MONDAY)).episode is None

    def test_leaving_the_scope_ends_it(self) -> None:
        playbook = a_playbook(
            "id: x\nfor_accounts: account.stage == mature\nwhen: usage.breadth < 40 %\nsteps: [alert: Hi]"
        )
        mature, renewal = {**LOW, "account.stage": "mature"}, {**LOW, "account.stage": "renewal"}
        stepped = run(playbook, (mature, MONDAY), (renewal, MONDAY + DAY))
        assert state(stepped) == "idle"

    def test_absence_fires_on_the_second_by_a_timer(self) -> None:
        playbook = a_playbook("id: x\nwhen: days_since account.signed_at >= 14 days\nsteps: [alert: No first value]")
        facts = {"account.signed_at": MONDAY.isoformat()}
        first = run(playbook, (facts, MONDAY + DAY))
        assert first.timer is not None
        assert first.timer == MONDAY + 14 * DAY
        assert state(run(playbook, (facts, first.timer - SECOND))) == "none"
        assert state(run(playbook, (facts, first.timer))) == "active"


class TestHeldFor:
    playbook = stalled(held_for="7d")

    def test_it_waits_until_it_has_held(self) -> None:
        begun = run(self.playbook, (LOW, MONDAY))
        assert (state(begun), begun.asks, begun.timer) == ("pending", (), MONDAY + 7 * DAY)
        fired = run(self.playbook, (LOW, MONDAY + 7 * DAY), episode=begun.episode)
        assert state(fired) == "active"
        assert of(fired).since == MONDAY

    def test_a_better_day_sets_it_back(self) -> None:
        stepped = run(self.playbook, (LOW, MONDAY), (HIGH, MONDAY + 6 * DAY), (LOW, MONDAY + 7 * DAY))
        assert (state(stepped), stepped.timer) == ("pending", MONDAY + 14 * DAY)

    def test_unknown_stops_the_clock_without_setting_it_back(self) -> None:
        stopped = run(self.playbook, (LOW, MONDAY), (UNKNOWN, MONDAY + 3 * DAY))
        assert (state(stopped), stopped.timer) == ("pending", None)
        again = run(self.playbook, (LOW, MONDAY + 10 * DAY), episode=stopped.episode)
        assert again.timer is not None
        assert again.timer == MONDAY + 14 * DAY
        assert state(run(self.playbook, (LOW, again.timer - SECOND), episode=again.episode)) == "pending"
        assert state(run(self.playbook, (LOW, again.timer), episode=again.episode)) == "active"


class TestHeldForBusinessDays:
    playbook = stalled(held_for="3 business days")
    WEDNESDAY = MONDAY + 2 * DAY

    def test_the_weekend_counts_nothing(self) -> None:
        begun = run(self.playbook, (LOW, self.WEDNESDAY))
        assert (state(begun), begun.timer) == ("pending", MONDAY + 7 * DAY)
        assert begun.moves[-1].reason == "holds; looked at again after 3 business days"
        early = run(self.playbook, (LOW, MONDAY + 6 * DAY), (LOW, MONDAY + 7 * DAY - SECOND), episode=begun.episode)
        assert (state(early), early.timer) == ("pending", MONDAY + 7 * DAY)
        assert state(run(self.playbook, (LOW, MONDAY + 7 * DAY), episode=early.episode)) == "active"

    def test_what_is_unknown_stops_its_clock_too(self) -> None:
        stopped = run(self.playbook, (LOW, self.WEDNESDAY), (UNKNOWN, MONDAY + 6 * DAY))
        assert (state(stopped), stopped.timer) == ("pending", None)
        again = run(self.playbook, (LOW, MONDAY + 8 * DAY), episode=stopped.episode)
        assert again.timer == MONDAY + 8 * DAY + 10 * HOUR, "62 of 72 hours had run by Saturday"

    def test_closed_days_of_the_installation_count_nothing(self) -> None:
        off = Hours(holidays=(date(2026, 3, 5),))
        begun = step(self.playbook, None, a_look(LOW, self.WEDNESDAY, business=off))
        assert begun.timer == MONDAY + 8 * DAY

    def test_it_rests_and_is_found_as_ever(self) -> None:
        assert state(step(self.playbook, None, a_look(LOW, MONDAY, found_in="past"))) == "found"
        resting = stalled(held_for="3 business days", repeat="{after: 30d}")
        fired = run(resting, (LOW, MONDAY), (LOW, MONDAY + 3 * DAY), (HIGH, MONDAY + 4 * DAY))
        assert state(fired) == "resting"
        assert state(run(resting, (LOW, MONDAY + 20 * DAY), episode=fired.episode)) == "pending"


class TestEndingAndRepeating:
    def test_it_is_over_when_the_condition_is_false(self) -> None:
        stepped = run(stalled(), (LOW, MONDAY), (HIGH, MONDAY + DAY))
        assert [move.after for move in stepped.moves] == ["over", "idle"]
        assert "usage breadth is 75 %" in of(stepped).outcome

    def test_unknown_ends_nothing(self) -> None:
        assert state(run(stalled(), (LOW, MONDAY), (UNKNOWN, MONDAY + DAY))) == "active"

    def test_an_exit_of_its_own_decides(self) -> None:
        playbook = stalled(exit_when="usage.breadth >= 50 %")
        assert state(run(playbook, (LOW, MONDAY), ({"usage.breadth": 45}, MONDAY + DAY))) == "active"
        assert state(run(playbook, (LOW, MONDAY), ({"usage.breadth": 50}, MONDAY + DAY))) == "idle"

    def test_it_rests_counted_from_when_it_ended(self) -> None:
        playbook = stalled(repeat="{after: 30d}")
        rested = run(playbook, (LOW, MONDAY), (HIGH, MONDAY + 10 * DAY))
        assert (state(rested), rested.timer) == ("resting", MONDAY + 40 * DAY)
        waits = run(playbook, (LOW, MONDAY + 39 * DAY), episode=rested.episode)
        assert (state(waits), waits.asks, waits.timer) == ("pending", (), MONDAY + 40 * DAY)
        again = run(playbook, (LOW, MONDAY + 40 * DAY), episode=rested.episode)
        assert state(again) == "active"
        assert of(again).id != of(rested).id
        assert len(again.asks) == 1

    def test_how_long_it_held_counts_while_it_rests(self) -> None:
        playbook = stalled(held_for="7d", repeat="{after: 30d}")
        fired = run(playbook, (LOW, MONDAY), (LOW, MONDAY + 7 * DAY), (HIGH, MONDAY + 8 * DAY))
        assert (state(fired), fired.timer) == ("resting", MONDAY + 38 * DAY)
        again = run(playbook, (LOW, MONDAY + 20 * DAY), (LOW, MONDAY + 27 * DAY), episode=fired.episode)
        assert (state(again), again.asks, again.timer) == ("pending", (), MONDAY + 38 * DAY)
        assert state(run(playbook, (LOW, MONDAY + 38 * DAY), episode=again.episode)) == "active"

    def test_what_did_not_hold_for_long_changes_nothing_about_when_it_may_fire(self) -> None:
        playbook = stalled(held_for="7d", repeat="{after: 30d}")
        fired = run(playbook, (LOW, MONDAY), (LOW, MONDAY + 7 * DAY), (HIGH, MONDAY + 8 * DAY))
        passed = run(playbook, (LOW, MONDAY + 20 * DAY), (HIGH, MONDAY + 22 * DAY), episode=fired.episode)
        again = run(playbook, (LOW, MONDAY + 25 * DAY), episode=passed.episode)
        assert (state(passed), again.timer) == ("idle", MONDAY + 32 * DAY)
        assert run(playbook, (LOW, MONDAY + 32 * DAY), episode=again.episode).timer == MONDAY + 38 * DAY

    def test_at_most_counts_over_its_window(self) -> None:
        playbook = stalled(repeat="{after: 1d, at_most: 2 per 60d}")
        twice = run(playbook, *((facts, MONDAY + n * DAY) for n, facts in [(0, LOW), (2, HIGH), (3, LOW), (5, HIGH)]))
        assert (state(twice), twice.timer) == ("resting", MONDAY + 60 * DAY)

    def test_a_false_alarm_is_not_asked_about_again_while_it_lasts(self) -> None:
        playbook = stalled(steps="  - task: Call them")
        fired = run(playbook, (LOW, MONDAY))
        closed = close_task(playbook, of(fired), fired.asks[0].id, "false_alarm", a_look(LOW, MONDAY + HOUR))
        assert state(closed) == "over"
        later = run(playbook, (LOW, MONDAY + DAY), (LOW, MONDAY + 50 * DAY), episode=closed.episode)
        assert (state(later), later.asks) == ("over", ())
        anew = run(playbook, (HIGH, MONDAY + 51 * DAY), (LOW, MONDAY + 52 * DAY), episode=later.episode)
        assert state(anew) == "active"

    @pytest.mark.parametrize("after", [DAY, 5 * DAY], ids=["before it may fire again", "after"])
    @pytest.mark.parametrize("how", ["false alarm", "closed by another"])
    def test_what_was_ended_from_outside_is_not_asked_about_again_whatever_repeat_says(
        self, how: str, after: timedelta
    ) -> None:
        playbook = stalled(repeat="{after: 3d}", steps="  - task: Call them")
        fired, look = run(playbook, (LOW, MONDAY)), a_look(LOW, MONDAY + after)
        if how == "false alarm":
            ended = close_task(playbook, of(fired), fired.asks[0].id, "false_alarm", look)
        else:
            ended = end(playbook, of(fired), look, how)
        assert (state(ended), of(ended).outcome) == ("over", how)
        later = run(playbook, (LOW, MONDAY + 6 * DAY), (UNKNOWN, MONDAY + 7 * DAY), episode=ended.episode)
        assert (state(later), later.asks) == ("over", ())
        anew = run(playbook, (HIGH, MONDAY + 8 * DAY), (LOW, MONDAY + 9 * DAY), episode=later.episode)
        assert (state(anew), len(anew.asks)) == ("active", 1)

    def test_when_what_was_a_false_alarm_has_passed_repeat_still_counts(self) -> None:
        playbook = stalled(repeat="{after: 30d}", steps="  - task: Call them")
        fired = run(playbook, (LOW, MONDAY))
        ended = close_task(playbook, of(fired), fired.asks[0].id, "false_alarm", a_look(LOW, MONDAY + DAY))
        rests = run(playbook, (HIGH, MONDAY + 2 * DAY), (LOW, MONDAY + 3 * DAY), episode=ended.episode)
        assert (state(rests), rests.asks, rests.timer) == ("pending", (), MONDAY + 31 * DAY)

    def test_a_false_alarm_about_an_event_leaves_the_next_event_alone(self) -> None:
        playbook = a_playbook("id: x\non_event: feedback.nps\nsteps: [task: Call them]")
        fired = step(playbook, None, a_look({}, MONDAY, cause=an_answer(2, MONDAY)))
        ended = close_task(playbook, of(fired), fired.asks[0].id, "false_alarm", a_look({}, MONDAY + HOUR))
        assert state(ended) == "idle"
        later = MONDAY + DAY
        assert len(step(playbook, ended.episode, a_look({}, later, cause=an_answer(2, later, "a-2"))).asks) == 1

    def test_it_stays_with_what_ended_it_from_outside(self) -> None:
        fired = run(stalled(), (LOW, MONDAY))
        ended = end(stalled(), of(fired), a_look(LOW, MONDAY + HOUR), "closed by recovered")
        assert (state(ended), of(ended).outcome) == ("over", "closed by recovered")


class TestClosing:
    @pytest.mark.parametrize(
        ("facts", "after"),
        [(LOW, "active"), (UNKNOWN, "active"), ({"usage.breadth": 45}, "idle")],
        ids=["still holds", "is not known", "has passed"],
    )
    def test_another_playbook_closes_only_what_has_passed(self, facts: dict[str, Any], after: str) -> None:
        playbook = stalled(exit_when="usage.breadth >= 50 %")
        fired = run(playbook, (LOW, MONDAY))
        assert state(close(playbook, of(fired), a_look(facts, MONDAY + DAY), "closed by recovered")) == after

    @pytest.mark.parametrize(
        ("exit_when", "after"),
        [("", "idle"), ("exit_when: support.open == 0\n", "idle"), ("exit_when: usage.breadth >= 50 %\n", "active")],
        ids=["none", "unknown", "false"],
    )
    def test_what_an_event_began_is_closed_unless_its_exit_is_known_to_be_false(
        self, exit_when: str, after: str
    ) -> None:
        playbook = a_playbook(f"id: x\non_event: feedback.nps\n{exit_when}steps: [task: Call]")
        fired = step(playbook, None, a_look(LOW, MONDAY, cause=an_answer(2, MONDAY)))
        assert state(close(playbook, of(fired), a_look(LOW, MONDAY + DAY), "closed by recovered")) == after


class TestVersions:
    old, new = stalled(), stalled(exit_when="usage.breadth >= 50 %")

    def test_an_older_version_ends_what_it_began_and_opens_nothing(self) -> None:
        fired = run(self.old, (LOW, MONDAY))
        ended = step(self.new, fired.episode, a_look(HIGH, MONDAY + DAY), self.old)
        assert state(ended) == "idle"
        assert step(self.new, ended.episode, a_look(LOW, MONDAY + 2 * DAY), self.old).asks == ()
        assert len(step(self.new, ended.episode, a_look(LOW, MONDAY + 2 * DAY)).asks) == 1

    def test_a_deleted_playbook_finishes_its_steps_and_fires_no_more(self) -> None:
        playbook = stalled(steps=TASK_THEN_ESCALATE)
        fired = run(playbook, (LOW, MONDAY))
        later = step(None, fired.episode, a_look(LOW, MONDAY + 2 * DAY), playbook)
        assert [ask.kind for ask in later.asks] == ["alert"]
        waiting = stalled(held_for="7d")
        pending = run(waiting, (LOW, MONDAY))
        closed = step(None, pending.episode, a_look(LOW, MONDAY + 7 * DAY), waiting)
        assert (state(closed), closed.asks, of(closed).outcome) == (
            "idle",
            (),
            "its playbook was deleted or switched off",
        )

    def test_which_events_count_is_said_by_the_version_in_force(self) -> None:
        text = "id: x\non_event: feedback.nps\nwhen: event.score <= {}\nsteps: [task: Call]"
        old, new = a_playbook(text.format(6)), a_playbook(text.format(3))
        fired = step(old, None, a_look({}, MONDAY, cause=an_answer(2, MONDAY)))
        at = MONDAY + HOUR
        for in_force, score, asked in ((new, 5, 0), (new, 3, 1), (None, 2, 0)):
            look = a_look({}, at, cause=an_answer(score, at, f"a-{score}"))
            again = step(in_force, fired.episode, look, old)
            assert (len(again.asks), of(again).id, of(again).version) == (asked, of(fired).id, old.version)


class TestSteps:
    def test_a_later_step_comes_on_its_second(self) -> None:
        playbook = stalled(steps=TASK_THEN_ESCALATE)
        fired = run(playbook, (LOW, MONDAY))
        assert fired.timer == MONDAY + 2 * DAY
        escalated = run(playbook, (LOW, MONDAY + 2 * DAY), episode=fired.episode)
        assert [(ask.kind, ask.by_time) for ask in escalated.asks] == [("alert", True)]

    def test_a_task_that_was_done_spares_the_escalation(self) -> None:
        playbook = stalled(steps=TASK_THEN_ESCALATE)
        fired = run(playbook, (LOW, MONDAY))
        done = close_task(playbook, of(fired), fired.asks[0].id, "done", a_look(LOW, MONDAY + DAY))
        later = run(playbook, (LOW, MONDAY + 2 * DAY), episode=done.episode)
        assert (state(later), later.asks) == ("active", ())

    def test_an_unknown_unless_does_not_hold_a_step_back(self) -> None:
        playbook = stalled(steps="  - alert: Hi\n    unless: support.open > 3")
        assert len(run(playbook, (LOW, MONDAY)).asks) == 1

    def test_steps_go_on_while_the_condition_is_unknown(self) -> None:
        playbook = stalled(steps=TASK_THEN_ESCALATE)
        fired = run(playbook, (LOW, MONDAY))
        assert len(run(playbook, (UNKNOWN, MONDAY + 2 * DAY), episode=fired.episode).asks) == 1

    def test_business_days_skip_the_weekend(self) -> None:
        playbook = stalled(steps="  - alert: Hi\n    after: 3 business days")
        assert run(playbook, (LOW, MONDAY + 3 * DAY)).timer == MONDAY + 8 * DAY

    def test_steps_that_were_not_due_are_dropped_when_it_ends(self) -> None:
        playbook = stalled(steps=TASK_THEN_ESCALATE)
        ended = run(playbook, (LOW, MONDAY), (HIGH, MONDAY + DAY), (HIGH, MONDAY + 3 * DAY))
        assert [ask.kind for ask in ended.asks] == ["task"]

    @pytest.mark.parametrize(
        "trouble",
        [{"health.band": "red"}, {"support.urgent": 1}, {"billing.overdue_since": MONDAY.isoformat()}],
        ids=["red", "urgent ticket", "overdue invoice"],
    )
    def test_a_flag_waits_while_the_customer_is_in_trouble(self, trouble: dict[str, Any]) -> None:
        playbook = stalled(steps="  - flag: Sell more")
        held_back = run(playbook, ({**LOW, **trouble}, MONDAY))
        assert (state(held_back), held_back.asks, held_back.timer) == ("active", (), None)
        assert "held back" in held_back.moves[-1].reason
        freed = run(
            playbook, ({**LOW, "health.band": "amber", "support.urgent": 0}, MONDAY + DAY), episode=held_back.episode
        )
        assert [ask.kind for ask in freed.asks] == ["flag"]


class TestPuttingOff:
    playbook, morning = stalled(steps="  - flag: Sell more"), MONDAY + 23 * HOUR

    def test_what_is_put_off_is_asked_for_then_under_the_same_id(self) -> None:
        fired = run(self.playbook, (LOW, MONDAY))
        waits = put_off(of(fired), fired.asks[0], self.morning, MONDAY)
        assert (waits.timer, waits.moves[0].actor) == (self.morning, "keepwell")
        assert run(self.playbook, (LOW, self.morning - SECOND), episode=waits.episode).asks == ()
        again = run(self.playbook, (LOW, self.morning), episode=waits.episode)
        assert [ask.id for ask in again.asks] == [fired.asks[0].id]

    def test_what_happens_meanwhile_holds_it_back(self) -> None:
        fired = run(self.playbook, (LOW, MONDAY))
        waits = put_off(of(fired), fired.asks[0], self.morning, MONDAY)
        urgent = run(self.playbook, ({**LOW, "support.urgent": 1}, self.morning), episode=waits.episode)
        assert urgent.asks == ()
        assert "held back: an urgent ticket open" in urgent.moves[-1].reason

    def test_what_has_ended_meanwhile_is_not_put_off(self) -> None:
        fired = run(self.playbook, (LOW, MONDAY))
        ended = run(self.playbook, (HIGH, MONDAY + HOUR), episode=fired.episode)
        assert put_off(of(ended), fired.asks[0], self.morning, MONDAY) == StepResult(episode=ended.episode)


@pytest.mark.parametrize("before", ["pending", "active", "found", "over", "resting"])
def test_wherever_it_stands_it_ends_with_its_account(before: str) -> None:
    opened = of(run(stalled(steps=TASK_THEN_ESCALATE), (LOW, MONDAY)))
    episode = msgspec.structs.replace(opened, state=before, outcome="")
    left = leave(episode, a_look(UNKNOWN, MONDAY + DAY, actor="crm m-1"), "the account was merged")
    assert (state(left), of(left).planned, left.timer, left.asks) == ("idle", (), None, ())
    assert [(move.before, move.after, move.reason, move.actor) for move in left.moves] == [
        (before, "idle", "the account was merged", "crm m-1")
    ]


class TestEvents:
    playbook = a_playbook(
        "id: detractor\non_event: feedback.nps\nwhen: event.score <= 6\nsteps: [alert: Read it, task: Call them]"
    )

    def answer(self, score: int, at: datetime, episode: Episode | None = None, **others: Any) -> StepResult:
        return step(self.playbook, episode, a_look({}, at, cause=an_answer(score, at), **others))

    def test_a_detractor_fires_at_once(self) -> None:
        fired = self.answer(2, MONDAY)
        assert [(ask.kind, ask.by_time) for ask in fired.asks] == [("alert", False), ("task", False)]

    def test_a_promoter_does_not(self) -> None:
        assert self.answer(9, MONDAY).episode is None

    def test_facts_alone_fire_nothing(self) -> None:
        assert step(self.playbook, None, a_look({"event.score": 2}, MONDAY)).episode is None

    def test_it_is_over_when_the_call_was_made(self) -> None:
        fired = self.answer(2, MONDAY)
        done = close_task(self.playbook, of(fired), fired.asks[1].id, "no_result", a_look({}, MONDAY + HOUR))
        assert state(done) == "idle"

    def test_the_next_detractor_is_one_more_occurrence(self) -> None:
        fired = self.answer(2, MONDAY)
        again = self.answer(3, MONDAY + HOUR, fired.episode)
        assert of(again).id == of(fired).id
        assert of(again).occurrence == 2
        assert not {ask.id for ask in fired.asks} & {ask.id for ask in again.asks}

    def test_a_live_event_fires_while_an_import_is_open(self) -> None:
        assert state(self.answer(2, MONDAY, quiet=True)) == "active"

    def test_an_alert_alone_is_over_at_once(self) -> None:
        playbook = a_playbook("id: x\non_event: feedback.nps\nsteps: [alert: Read it]")
        fired = step(playbook, None, a_look({}, MONDAY, cause=an_answer(9, MONDAY)))
        assert (state(fired), len(fired.asks)) == ("idle", 1)

    def test_repeat_holds_for_events_too(self) -> None:
        playbook = a_playbook("id: x\non_event: feedback.nps\nrepeat: {after: 7d}\nsteps: [alert: Read it]")
        fired = step(playbook, None, a_look({}, MONDAY, cause=an_answer(9, MONDAY)))
        again = step(playbook, fired.episode, a_look({}, MONDAY + DAY, cause=an_answer(9, MONDAY + DAY)))
        assert (state(fired), state(again), again.asks) == ("resting", "resting", ())


class TestHistory:
    def test_nothing_fires_and_nothing_ends_while_an_import_is_open(self) -> None:
        assert step(stalled(), None, a_look(LOW, MONDAY, quiet=True)).episode is None
        fired = run(stalled(), (LOW, MONDAY))
        assert state(step(stalled(), fired.episode, a_look(HIGH, MONDAY + DAY, quiet=True))) == "active"

    def test_what_holds_at_its_end_is_found_so_without_actions(self) -> None:
        found = step(stalled(held_for="7d"), None, a_look(LOW, MONDAY, found_in="import-1"))
        assert (state(found), found.asks, of(found).fired) == ("found", (), ())
        assert of(found).readings

    def test_a_found_episode_never_fires_by_itself(self) -> None:
        found = step(stalled(), None, a_look(LOW, MONDAY, found_in="import-1"))
        assert state(run(stalled(), (LOW, MONDAY + 30 * DAY), episode=found.episode)) == "found"

    def test_it_does_not_count_for_repeat(self) -> None:
        playbook = stalled(repeat="{after: 30d}")
        found = step(playbook, None, a_look(LOW, MONDAY, found_in="import-1"))
        fired = run(playbook, (HIGH, MONDAY + DAY), (LOW, MONDAY + 2 * DAY), episode=found.episode)
        assert (state(fired), len(fired.asks)) == ("active", 1)

    def test_what_history_made_true_while_it_rests_is_found_so_and_what_held_before_fires_when_it_may(self) -> None:
        playbook = stalled(repeat="{after: 30d}")
        rests = run(playbook, (LOW, MONDAY), (HIGH, MONDAY + DAY))
        found = step(playbook, rests.episode, a_look(LOW, MONDAY + 2 * DAY, found_in="import-1"))
        assert state(found) == "found"
        assert state(run(playbook, (LOW, MONDAY + 40 * DAY), episode=found.episode)) == "found"
        waits = run(playbook, (LOW, MONDAY + 2 * DAY), episode=rests.episode)
        after = step(playbook, waits.episode, a_look(LOW, MONDAY + 3 * DAY, found_in="import-1"))
        assert state(run(playbook, (LOW, MONDAY + 31 * DAY), episode=after.episode)) == "active"

    def test_a_found_episode_can_be_started_by_hand_once(self) -> None:
        found = step(stalled(), None, a_look(LOW, MONDAY, found_in="import-1"))
        started = start(stalled(), of(found), a_look(LOW, MONDAY + DAY, actor="cs-lead"))
        assert (state(started), len(started.asks), started.moves[0].actor) == ("active", 1, "cs-lead")
        with pytest.raises(ValueError, match="active"):
            start(stalled(), of(started), a_look(LOW, MONDAY + DAY))

    def test_an_import_can_ask_to_act_on_what_it_finds(self) -> None:
        acted = step(stalled(held_for="7d"), None, a_look(LOW, MONDAY, found_in="import-1", act_on_found=True))
        assert (state(acted), len(acted.asks)) == ("active", 1)

    def test_the_clock_of_a_pending_one_stands_still_meanwhile(self) -> None:
        playbook = stalled(held_for="7d")
        pending = run(playbook, (LOW, MONDAY))
        quiet = step(playbook, pending.episode, a_look(LOW, MONDAY + DAY, quiet=True))
        after = run(playbook, (LOW, MONDAY + 5 * DAY), episode=quiet.episode)
        assert after.timer == MONDAY + 5 * DAY + timedelta(days=6)


class TestInterruptedSources:
    """While a source is interrupted, conditions on what rests on it are unknown."""

    silent = a_playbook('id: silent\nwhen: days_since usage.last_seen_at >= 5\nsteps: [{alert: "Ask them"}]')

    def look(self, at: datetime, *interrupted: str, **facts: Any) -> Look:
        return a_look({"usage.last_seen_at": MONDAY.isoformat(), **facts}, at, interrupted=interrupted)

    def test_silence_fires_nothing_until_it_is_back(self) -> None:
        at = MONDAY + 6 * DAY
        stepped = step(self.silent, None, self.look(at, "usage"))
        assert (stepped.asks, stepped.timer) == ((), None)
        assert step(self.silent, stepped.episode, self.look(at + DAY)).asks

    def test_it_ends_nothing(self) -> None:
        fired = step(self.silent, None, self.look(MONDAY + 6 * DAY)).episode
        used = (MONDAY + 6 * DAY).isoformat()
        look = self.look(MONDAY + 7 * DAY, "usage", **{"usage.last_seen_at": used})
        assert state(step(self.silent, fired, look)) == "active"

    def test_not_even_that_it_is_unknown_is_known(self) -> None:
        unknown = a_playbook('id: unknown\nwhen: usage.trend is unknown\nsteps: [{alert: "Ask them"}]')
        assert not step(unknown, None, self.look(MONDAY, "usage")).asks

    def test_what_rests_on_other_sources_goes_on(self) -> None:
        assert step(self.silent, None, self.look(MONDAY + 6 * DAY, "tickets")).asks
