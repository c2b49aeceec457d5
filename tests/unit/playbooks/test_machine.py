"""An episode is a machine: every state meets every event, and the step function makes each of its moves."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, get_args

import msgspec
import pytest

from services.playbooks.core import flow
from services.playbooks.core.episode import MOVES, Episode, Event, State, StepResult
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import close, close_task, dismiss, end, leave, start, step
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, UNKNOWN, a_look, a_playbook, an_answer, stalled

STATES: tuple[State, ...] = get_args(State)
EVENTS: tuple[Event, ...] = get_args(Event)
OPENED = step(stalled(), None, a_look(LOW, MONDAY)).episode


def an_episode(state: State) -> Episode:
    assert OPENED is not None
    return msgspec.structs.replace(OPENED, state=state)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_every_event_moves_every_state_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    episode = an_episode(state)
    if (state, event) not in MOVES:
        with pytest.raises(ValueError, match=f"An episode that is {state} can't be {event}"):
            episode.moved(event, "so", MONDAY, "time")
        return
    after, move = episode.moved(event, "so", MONDAY + DAY, "time", outcome="said")
    assert (after.state, after.outcome) == (MOVES[state, event], "said")
    assert (move.subject, move.before, move.after, move.reason, move.actor) == (
        episode.id,
        state,
        after.state,
        "so",
        "time",
    )


def test_only_what_is_open_can_be_left_and_nothing_fires_twice_but_what_is_active() -> None:
    assert {state for state, event in MOVES if event == "left"} == {one for one in STATES if an_episode(one).is_open}
    assert {state for state, event in MOVES if event == "ended"} == {
        one for one in STATES if an_episode(one).is_under_way
    }
    fires = {
        state for (state, event), after in MOVES.items() if after == "active" and event not in ("noted", "resumed")
    }
    assert fires == {"idle", "pending", "found", "active"}


PLAYBOOKS = [
    stalled(steps="  - task: Call"),
    stalled(held_for="1d", repeat="{after: 3d}", steps="  - task: Call"),
    a_playbook("id: x\non_event: feedback.nps\nrepeat: {after: 1d}\nsteps: [task: Call]"),
    a_playbook("id: x\non_event: feedback.nps\nsteps: [task: Call]"),
]
Act = Callable[[Playbook, Episode | None, datetime], StepResult | None]


def looks(facts: dict[str, Any], **others: Any) -> Act:
    return lambda playbook, episode, at: step(playbook, episode, a_look(facts, at, **others))


def with_one(act: Callable[[Playbook, Episode, datetime], StepResult]) -> Act:
    return lambda playbook, episode, at: None if episode is None else act(playbook, episode, at)


def taken_back(playbook: Playbook, episode: Episode, at: datetime) -> StepResult:
    taken = flow.take_back(episode, 0, "trouble", at)
    return StepResult(episode=episode) if taken is None else StepResult(episode=taken[0], moves=(taken[1],))


ACTS: list[Act] = [
    looks(LOW),
    looks(HIGH),
    looks(UNKNOWN),
    looks(LOW, quiet=True),
    looks(LOW, found_in="import-1"),
    looks(LOW, found_in="import-1", act_on_found=True),
    lambda playbook, episode, at: step(playbook, episode, a_look(LOW, at, cause=an_answer(2, at))),
    lambda playbook, episode, at: step(None, episode, a_look(LOW, at), playbook),
    with_one(lambda playbook, episode, at: end(playbook, episode, a_look(LOW, at), "by hand")),
    with_one(lambda playbook, episode, at: close(playbook, episode, a_look(HIGH, at), "closed by recovered")),
    with_one(taken_back),
    with_one(
        lambda playbook, episode, at: (
            dismiss(playbook, episode, a_look(LOW, at), "we know")
            if episode.state in ("pending", "found")
            else StepResult(episode=episode)
        )
    ),
    with_one(
        lambda playbook, episode, at: (
            StepResult(episode=episode) if episode.state != "found" else start(playbook, episode, a_look(LOW, at))
        )
    ),
    with_one(
        lambda playbook, episode, at: (
            leave(episode, a_look(LOW, at), "the account was merged")
            if episode.is_open
            else StepResult(episode=episode)
        )
    ),
    with_one(
        lambda playbook, episode, at: (
            close_task(playbook, episode, episode.tasks[0].id, "done", a_look(LOW, at))
            if episode.tasks
            else StepResult(episode=episode)
        )
    ),
]


def walked(playbook: Playbook, episode: Episode | None, at: datetime, depth: int) -> Iterator[tuple[str | None, str]]:
    for act in ACTS:
        stepped = act(playbook, episode, at)
        if stepped is not None:
            yield from ((move.before, move.after) for move in stepped.moves)
            if depth and stepped.moves:
                yield from walked(playbook, stepped.episode, at + DAY, depth - 1)


def test_whatever_is_done_in_whatever_order_makes_all_the_moves_of_the_table_and_no_other() -> None:
    made = {move for playbook in PLAYBOOKS for move in walked(playbook, None, MONDAY, 3)}
    assert made == {(before, after) for (before, _), after in MOVES.items()}
