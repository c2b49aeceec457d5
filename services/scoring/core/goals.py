"""The success plan: what a customer wants to reach by when, and how far it has come by the facts that are known."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import written_or_none
from services.scoring.core.state import State
from shared.conditions import Facts, FactType, Leaf, Refused, Scope, Truth, evaluate, flip_instant, goal_leaf, leaves
from shared.messages.stamps import instant_of, micros

_MOST_TITLES: Final = 10
NO_GOALS: Final[Mapping[str, int]] = {"goals.open": 0, "goals.met": 0, "goals.overdue": 0, "goals.reached": 0}
"""What is known of the plan of who has none."""
_OF_SCORE: Final = "health."

Stands = Literal["open", "met", "overdue", "reached", "dropped"]
"""`met`: its fact has the target, though nobody has said that it is reached."""
Target = bool | int | float | str


class Goal(NamedTuple):
    """One goal, as it was set last. Instants are microseconds since 1970."""

    id: str
    title: str
    due_at: int
    fact: str | None
    op: str | None
    target: Target | None
    author: str | None
    set_at: int
    ended: Literal["reached", "dropped"] | None
    ended_at: int | None


class Progress(NamedTuple):
    """How a goal stands at an instant."""

    goal: Goal
    stands: Stands
    measure: str | None
    """What it is measured by, in the language of conditions."""
    value: Any
    """What its fact is now; None where that isn't known."""
    holds: bool | None
    """Whether that is the target."""
    words: str
    """Both in words, or why nothing is known."""


def goals_of(state: State) -> list[Goal]:
    """The goals that were ever set, those due first in front. One that was set anew after its end is open again."""
    found = []
    for id, cells in state.goals.items():
        if (wanted := cells.get("set")) is not None:
            title, due_at, fact, op, target, author = wanted.value
            ended = cells.get("ended")
            how, at = (ended.value, ended.at) if ended is not None and ended.beats(wanted) else (None, None)
            found.append(Goal(id, title, due_at, fact, op, target, author, wanted.at, how, at))
    return sorted(found, key=lambda goal: (goal.due_at, goal.id))


def progress_of(goal: Goal, catalogue: Catalogue, facts: Facts, now: datetime) -> Progress:
    """How a goal stands by these facts."""
    leaf, why = _measure_of(goal, catalogue)
    stands = _stands(goal, leaf, facts, now)
    if leaf is None:
        return Progress(goal, stands, f"{goal.fact} {goal.op} {goal.target}" if why else None, None, None, why)
    (read,) = leaves(leaf, facts, now)
    holds = {Truth.TRUE: True, Truth.FALSE: False}.get(read.truth)
    return Progress(goal, stands, read.text, facts.value(leaf.subject, now), holds, read.words)


def _stands(goal: Goal, leaf: Leaf | None, facts: Facts, now: datetime) -> Stands:
    if goal.ended is not None:
        return goal.ended
    if leaf is not None and evaluate(leaf, facts, now) is Truth.TRUE:
        return "met"
    return "overdue" if goal.due_at <= micros(now) else "open"


def goal_facts(state: State, catalogue: Catalogue, facts: Facts, now: datetime) -> dict[str, Any]:
    """How many goals stand how, by what else is known."""
    plan = [(goal, _stands(goal, _measure_of(goal, catalogue)[0], facts, now)) for goal in goals_of(state)]
    by = {wanted: [goal for goal, stands in plan if stands == wanted] for wanted in ("open", "met", "overdue")}
    return {
        "goals.open": sum(map(len, by.values())),
        "goals.met": len(by["met"]),
        "goals.met_titles": _titles(by["met"]),
        "goals.overdue": len(by["overdue"]),
        "goals.overdue_titles": _titles(by["overdue"]),
        "goals.overdue_since": written_or_none(next((goal.due_at for goal in by["overdue"]), None)),
        "goals.next_due_at": written_or_none(next((goal.due_at for goal in by["open"]), None)),
        "goals.reached": sum(stands == "reached" for _, stands in plan),
    }


def rest_on_score(state: State) -> bool:
    """Whether a goal is measured by what is known only once the account is scored."""
    return any(goal.fact is not None and goal.fact.startswith(_OF_SCORE) for goal in goals_of(state))


def turns(state: State, catalogue: Catalogue, facts: Facts, now: datetime) -> Iterator[datetime]:
    """The instants after now at which an open goal becomes overdue, or time alone moves what it is measured by."""
    for goal in goals_of(state):
        if goal.ended is None:
            if goal.due_at > micros(now):
                yield instant_of(goal.due_at)
            leaf, _ = _measure_of(goal, catalogue)
            if leaf is not None and (at := flip_instant(leaf, facts, now)) is not None:
                yield at


def _titles(goals: list[Goal]) -> list[str] | None:
    return [goal.title for goal in goals[:_MOST_TITLES]] or None


def _measure_of(goal: Goal, catalogue: Catalogue) -> tuple[Leaf | None, str]:
    """What it is measured by, or why it can't be; no words where nobody said by what."""
    if goal.fact is None or goal.op is None or goal.target is None:
        return None, ""
    return _read(goal.fact, goal.op, goal.target, _known(catalogue.traits), catalogue.named_features)


def scope_of(catalogue: Catalogue) -> Scope:
    """What goals can be measured by."""
    return Scope(catalogue.traits, catalogue.named_features)


def _known(traits: Mapping[str, FactType]) -> tuple[tuple[str, FactType], ...]:
    return tuple(traits.items())


@lru_cache(maxsize=4096, typed=True)
def _read(
    fact: str, op: str, target: Target, traits: tuple[tuple[str, FactType], ...], watched: tuple[str, ...]
) -> tuple[Leaf | None, str]:
    try:
        return goal_leaf(fact, op, target, Scope(dict(traits), watched)), ""
    except Refused as refused:
        return None, refused.problems[0].message
