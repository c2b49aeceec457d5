"""Whatever steps lead to whatever steps: they end, ask for each thing once, and a replay is the same."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import close_task, step
from tests.support.playbooks import MONDAY, a_look, a_playbook, an_answer

CONDITIONS = ["usage.breadth < 40 %", "account.plan == pro", "task.done", "task.no_result", "event.score <= 3"]
FACTS: list[dict[str, Any]] = [
    {},
    {"usage.breadth": 25.0},
    {"usage.breadth": 75.0, "account.plan": "pro"},
    {"usage.breadth": 25.0, "account.plan": "free"},
]
Node = dict[str, Any]

timing = st.fixed_dictionaries(
    {}, optional={"after": st.sampled_from(["1h", "2d", "365d", "1 business day"]), "unless": st.just(CONDITIONS[0])}
)
leaves = st.sampled_from(
    [
        {"task": "Call"},
        {"alert": "Hi"},
        {"survey": "nps", "ask": "champion"},
        {"webhook": "crm"},
        {"trait": {"tier": "x"}},
        {"assign_owner": "owner"},
    ]
)


def _branch(lists: st.SearchStrategy[list[Node]]) -> st.SearchStrategy[Node]:
    condition, within = st.sampled_from(CONDITIONS), st.sampled_from(["1d", "30d"])
    chooses = st.fixed_dictionaries({"if": condition, "then": lists}, optional={"else": lists, "within": within})
    return chooses | st.fixed_dictionaries({"until": condition, "within": within, "then": lists, "else": lists})


trees = st.recursive(
    st.builds(lambda one, when: one | when, leaves, timing),
    lambda inside: st.builds(lambda one, when: one | when, _branch(st.lists(inside, min_size=1, max_size=2)), timing),
    max_leaves=6,
)
lists = st.lists(trees, min_size=1, max_size=3)
History = list[tuple[int, dict[str, Any], bool]]
looks = st.lists(st.tuples(st.integers(1, 40 * 24), st.sampled_from(FACTS), st.booleans()), max_size=8)


def the_playbook(steps: Sequence[Node]) -> Playbook:
    follows = [{"id": "first", "task": "Begin"}, {"after_end_of": "first", "alert": "It has ended", "after": "1d"}]
    return a_playbook(json.dumps({"id": "x", "on_event": "feedback.nps", "steps": [*follows, *steps]}))


def lived(playbook: Playbook, history: History, times: int) -> tuple[Episode, list[str]]:
    """Each look so many times; tasks are closed now and then, and in the end all of them. Then only time passes."""
    asked: list[str] = []
    at, facts = MONDAY, FACTS[0]
    episode: Episode | None = None
    timer: datetime | None = None

    def look(cause: Any = None) -> None:
        nonlocal episode, timer
        for _ in range(times):
            stepped = step(playbook, episode, a_look(facts, at, cause=cause, occasion=f"at {at}"))
            cause = None
            episode, timer = stepped.episode, stepped.timer
            asked.extend(one.id for one in stepped.asks)

    def close(one_only: bool) -> None:
        nonlocal episode, timer
        assert episode is not None
        for task in [one for one in episode.tasks if one.open][: 1 if one_only else None]:
            for _ in range(times):
                stepped = close_task(playbook, episode, task.id, "no_result", a_look(facts, at))
                assert stepped.episode is not None
                episode, timer = stepped.episode, stepped.timer
                asked.extend(one.id for one in stepped.asks)

    look(an_answer(2, at))
    for hours, seen, closes in history:
        at, facts = at + timedelta(hours=hours), seen
        look()
        if closes and episode is not None and episode.state == "active":
            close(one_only=True)
    for _ in range(200):
        assert episode is not None
        if episode.state == "active" and any(one.open for one in episode.tasks):
            close(one_only=False)
        elif timer is None:
            break
        else:
            at = timer
            look()
    assert episode is not None
    return episode, asked


@given(lists, looks)
@settings(max_examples=60)
def test_they_end_and_ask_for_each_thing_once_whoever_looks_how_often(steps: list[Node], history: History) -> None:
    playbook = the_playbook(steps)
    once, asked = lived(playbook, history, 1)
    assert not once.is_under_way, "it ends"
    assert not once.planned
    assert len(asked) == len(set(asked)), "each action once"
    again, asked_again = lived(playbook, history, 3)
    assert (again, asked_again) == (once, asked), "duplicates change nothing"
