"""Steps that lead to others: lists that branch, waits, what follows a task, what starts another playbook."""

from datetime import timedelta
from typing import Any

import pytest

from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import close_task, step
from shared.messages.actions import ActionRequested
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, SECOND, a_look, an_answer, stalled

WAIT = """\
  - until: usage.breadth >= 30 %
    within: 7d
    then: [alert: They came back]
    else: [task: Call them, {after: 1d, alert: Nobody called}]
"""
BETTER = {"usage.breadth": 35.0}


def asked(stepped: StepResult) -> list[str]:
    return [f"{ask.kind} {ask.step}" for ask in stepped.asks]


def episode(stepped: StepResult) -> Episode:
    assert stepped.episode is not None
    return stepped.episode


def fired(playbook: Playbook, facts: dict[str, Any] = LOW) -> StepResult:
    return step(playbook, None, a_look(facts, MONDAY))


def test_it_waits_and_goes_on_when_what_it_waits_for_comes() -> None:
    playbook = stalled(steps=WAIT)
    first = fired(playbook)
    assert (asked(first), first.timer) == ([], MONDAY + 7 * DAY)
    came = step(playbook, first.episode, a_look(BETTER, MONDAY + 3 * DAY))
    assert asked(came) == ["alert 1"]
    assert asked(step(playbook, came.episode, a_look(LOW, MONDAY + 8 * DAY))) == []


def test_it_goes_the_other_way_when_its_time_is_out_and_counts_from_then() -> None:
    playbook = stalled(steps=WAIT)
    early = step(playbook, fired(playbook).episode, a_look(LOW, MONDAY + 7 * DAY - SECOND))
    late = step(playbook, early.episode, a_look(LOW, MONDAY + 7 * DAY))
    assert (asked(early), asked(late)) == ([], ["task 2"])
    assert late.timer == MONDAY + 8 * DAY
    assert asked(step(playbook, late.episode, a_look(LOW, MONDAY + 8 * DAY))) == ["alert 3"]


def test_what_is_not_known_is_waited_for() -> None:
    playbook = stalled(steps="  - if: account.plan == pro\n    then: [alert: Pro]\n    else: [alert: Other]")
    waits = fired(playbook)
    assert (asked(waits), waits.timer) == ([], MONDAY + 90 * DAY)
    later = MONDAY + DAY
    assert asked(step(playbook, waits.episode, a_look({**LOW, "account.plan": "pro"}, later))) == ["alert 1"]
    assert asked(step(playbook, waits.episode, a_look({**LOW, "account.plan": "free"}, later))) == ["alert 2"]
    never = step(playbook, waits.episode, a_look(LOW, MONDAY + 90 * DAY))
    assert (asked(never), episode(never).planned) == ([], ())
    assert "was never known" in never.moves[-1].reason


def test_an_unknown_unless_holds_nothing_back() -> None:
    assert asked(fired(stalled(steps="  - {alert: Hi, unless: account.plan == pro}"))) == ["alert 0"]


def test_what_time_alone_brings_is_looked_for_on_the_second() -> None:
    signed = {**LOW, "account.signed_at": (MONDAY - 20 * DAY).isoformat()}
    playbook = stalled(
        steps="  - {until: days_since account.signed_at >= 30 days, within: 90d, then: [alert: A month]}"
    )
    waits = fired(playbook, signed)
    assert waits.timer == MONDAY + 10 * DAY
    assert asked(step(playbook, waits.episode, a_look(signed, MONDAY + 10 * DAY))) == ["alert 1"]


def test_a_step_follows_the_end_of_a_task_and_what_came_of_it() -> None:
    steps = """\
  - {id: call, task: Call them}
  - task: Write to them
  - after_end_of: call
    after: 2d
    if: task.no_result
    then: [alert: Nobody answered]
    else: [alert: They spoke]
"""
    playbook = stalled(steps=steps)
    for outcome, expected in (("no_result", "alert 3"), ("done", "alert 4")):
        first = fired(playbook)
        (call, write) = first.asks
        other = close_task(playbook, episode(first), write.id, "done", a_look(LOW, MONDAY + HOUR))
        assert not episode(other).planned
        closed = close_task(playbook, episode(other), call.id, outcome, a_look(LOW, MONDAY + DAY))
        assert (asked(closed), closed.timer) == ([], MONDAY + 3 * DAY)
        assert asked(step(playbook, closed.episode, a_look(LOW, MONDAY + 3 * DAY))) == [expected]


def test_a_task_that_is_awaited_is_met_as_it_is_closed() -> None:
    steps = "  - task: Call\n  - {until: task.done, within: 3d, then: [alert: Done], else: [alert: Nobody called]}"
    playbook = stalled(steps=steps)
    first = fired(playbook)
    (call,) = first.asks
    closed = close_task(playbook, episode(first), call.id, "done", a_look(LOW, MONDAY + DAY))
    assert asked(closed) == ["alert 2"]
    assert asked(close_task(playbook, episode(closed), call.id, "done", a_look(LOW, MONDAY + DAY))) == []
    assert asked(step(playbook, first.episode, a_look(LOW, MONDAY + 3 * DAY))) == ["alert 3"]


def test_branches_see_the_event_that_fired() -> None:
    office = Office(
        "id: x\non_event: feedback.nps\nsteps:\n"
        "  - {if: event.score <= 6, then: [task: Call them], else: [alert: Thank them]}"
    )
    office.event(MONDAY, "feedback.nps", contact_id="c", score=2)
    assert [one.title for one in office.sent] == ["Call them"]


def test_an_event_that_nothing_needs_any_more_ends_when_its_last_branch_does() -> None:
    office = Office(
        "id: x\non_event: feedback.nps\nsteps:\n  - {until: account.plan == pro, within: 5d, else: [alert: Late]}"
    )
    office.assess(MONDAY, {}, cause=an_answer(2, MONDAY))
    office.wait(MONDAY + 5 * DAY)
    assert [one.title for one in office.sent] == ["Late"]
    assert [one.state for one in office.episodes.values()] == ["idle"]


def test_a_wait_of_a_year_survives() -> None:
    office = Office("id: x\nwhen: usage.breadth < 40 %\nsteps: [{alert: A year, after: 365d}]")
    office.assess(MONDAY, LOW)
    assert next(iter(office.standings.values())).look_at == MONDAY + 365 * DAY
    assert [one.title for one in office.wait(MONDAY + 365 * DAY)] == ["A year"]


def test_a_step_that_its_playbook_no_longer_has_is_left() -> None:
    first = fired(stalled(steps="  - alert: Hi\n  - {after: 2d, alert: Ho}"))
    later = step(stalled(), first.episode, a_look(LOW, MONDAY + 2 * DAY), stalled())
    assert (asked(later), episode(later).planned) == ([], ())


STARTS = "id: x\nwhen: usage.breadth < 40 %\nsteps: [{start: other, after: 1d}]"
OTHER = "id: other\nwhen: support.open > 3\nheld_for: 30d\nmatter: support\nrepeat: {after: 10d}\nsteps: [task: Help]"


def test_it_starts_another_playbook_which_keeps_its_own_condition_and_repeat() -> None:
    busy = {**LOW, "support.open": 5}
    office = Office(STARTS, OTHER)
    office.assess(MONDAY, busy)
    (told,) = office.wait(MONDAY + DAY)
    assert (told.title, told.matter) == ("Help", "support")
    assert {one.playbook: one.state for one in office.episodes.values()} == {"x": "active", "other": "active"}
    office.assess(MONDAY + 2 * DAY, {**LOW, "support.open": 0})
    assert {one.playbook: one.state for one in office.episodes.values()}["other"] == "resting"
    calm = Office(STARTS, OTHER)
    calm.assess(MONDAY, {**LOW, "support.open": 0})
    assert calm.wait(MONDAY + DAY) == []
    assert any(move.reason.startswith("other did not start") for move in calm.moves)


def test_what_only_others_start_begins_then_and_ends_when_all_is_done() -> None:
    only = "id: other\non_event: playbook.started\nmatter: people\nrepeat: {after: 10d}\nsteps: [task: Help]"
    office = Office(STARTS, only)
    office.assess(MONDAY, LOW)
    assert [one.playbook for one in office.episodes.values()] == ["x"]
    (told,) = office.wait(MONDAY + DAY)
    assert (told.title, told.matter) == ("Help", "people")
    office.do(office.only("task"), "done", MONDAY + 2 * DAY)
    assert {one.playbook: one.state for one in office.episodes.values()} == {"x": "active", "other": "resting"}


def outbound(steps: str, people: str = "csms: []", **more: str) -> tuple[Office, list[ActionRequested]]:
    mode = "".join(f"\n{name}: {value}" for name, value in more.items())
    office = Office(f"id: x\nwhen: usage.breadth < 40 %{mode}\nsteps: {steps}", people=people)
    return office, office.assess(MONDAY, LOW)


def test_surveys_messages_and_webhooks_are_asked_for() -> None:
    office, told = outbound(
        "[{survey: nps, ask: [champion, decision_maker]}, {message: offer, to: champion}, webhook: crm]"
    )
    assert [(one.kind, one.title) for one in told] == [
        ("survey", "ask champion and decision maker by the survey nps"),
        ("message", "write to champion by the template offer"),
        ("webhook", "call the webhook crm"),
    ]
    survey, message, webhook = told
    assert survey.survey is not None
    assert survey.survey.roles == ["champion", "decision_maker"]
    assert message.message is not None
    assert (message.message.template, message.message.consent) == ("offer", "service")
    assert webhook.webhook is not None
    assert webhook.webhook.endpoint == "crm"
    assert not office.items


@pytest.mark.parametrize(
    ("facts", "others", "because"),
    [
        ({"usage.breadth": 75.0}, {}, ["usage breadth is 75 %, at least 40 %"]),
        ({}, {"gone": "erased"}, ["the account was erased"]),
        ({}, {}, []),
    ],
)
def test_what_waits_to_be_sent_is_called_back_when_it_is_over(
    facts: dict[str, Any], others: dict[str, Any], because: list[str]
) -> None:
    office, (survey,) = outbound("[{survey: nps, ask: champion}]")
    office.assess(MONDAY + HOUR, {**LOW, **facts}, **others)
    assert [one.reason for one in office.cancelled] == because
    assert {one.action_id for one in office.cancelled} <= {survey.action_id}


def test_traits_and_owners_are_set_by_an_event_as_anybody_would() -> None:
    office, told = outbound(
        "[trait: {tier: at_risk}, assign_owner: [least_loaded: {tier: senior}]]",
        "csms: [{id: ana, name: Ana, email: ana@example.com, tier: senior}]",
    )
    assert told == []
    assert [one.traits for one in office.updated] == [{"tier": "at_risk"}, {"owner": "ana@example.com"}]
    assert "asked to set tier to at_risk" in {move.reason for move in office.moves}


def test_the_last_resort_is_nobody_s_owner() -> None:
    people = "csms: [{id: ana, name: Ana, email: ana@example.com}]\nroles: {last_resort: ana, ops: ana}"
    office, _ = outbound("[assign_owner: [least_loaded: {tier: senior}]]", people)
    assert office.updated == []
    assert any("found none" in move.reason for move in office.moves)


def test_in_shadow_it_only_says_what_it_would_do() -> None:
    office, told = outbound("[{survey: nps, ask: champion}, trait: {tier: x}]", mode="shadow")
    assert (told, office.updated) == ([], [])
    assert "would ask champion by the survey nps" in {move.reason for move in office.moves}


def test_a_flag_says_what_could_be_sold_and_who_takes_it() -> None:
    _, (told,) = outbound('[{flag: More seats, severity: high, kind: seats, hand_over: "slack:#sales"}]')
    assert told.flag is not None
    assert (told.flag.kind, told.flag.hand_over, told.channel) == ("seats", "slack:#sales", "slack:#sales")
    _, (named,) = outbound("[{flag: More seats, severity: high, kind: plan, hand_over: sal@example.com}]")
    assert named.recipient is not None
    assert named.recipient.id == "sal@example.com"


def test_a_replay_of_a_long_story_asks_for_nothing_twice() -> None:
    playbook, at = stalled(steps=WAIT), MONDAY + timedelta(days=7)
    late = step(playbook, fired(playbook).episode, a_look(LOW, at))
    again = step(playbook, late.episode, a_look(LOW, at))
    assert (again.asks, again.moves, again.episode) == ((), (), late.episode)


def test_an_if_that_waits_for_a_task_is_decided_when_it_is_asked_for() -> None:
    office = Office(
        "id: x\nwhen: usage.breadth < 40 %\nsteps: [{if: task.done, then: [alert: Done], else: [alert: Begun]}, "
        "{after: 1d, task: Call}]"
    )
    assert office.assess(MONDAY, LOW) == []
    office.wait(MONDAY + DAY)
    assert {one.request.title for one in office.items.values()} == {"Call", "Begun"}
