"""The facts of an account, from its state and readings. What is not known is left out, with the reason beside."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from services.scoring.core.goals import NO_GOALS, goal_facts
from services.scoring.core.measures import GROUPS, MEASURES
from services.scoring.core.measures.base import Measure, View
from shared.conditions import Facts, source_of
from shared.messages.assessments import FactValue, MeasureReading

_OF_PAPERS: Final = {
    group for group in GROUPS if any(isinstance(one, Measure) and one.rests_on_papers for one in vars(group).values())
}
LAST_SEEN: Final = "usage.last_seen_at"
_LINEAR = {"billing.failed", "billing.overdue", "relationship.silence"}
"""Measures whose facts don't travel: conditions derive them from their instants."""


def account_facts(view: View) -> dict[str, FactValue]:
    """Who the account is: the facts that choose its scorecard."""
    return {**view.profile.known, "account.stage": view.profile.stage}


def facts_of(
    view: View, who: Mapping[str, FactValue], readings: Mapping[str, MeasureReading]
) -> tuple[dict[str, FactValue], dict[str, str]]:
    """Every fact but `health.*`, and for those that are not known the reason, where there is something to say.

    `who` is what `account_facts` says.
    """
    found: dict[str, Any] = dict(who)
    for group in GROUPS:
        found |= group.facts(view) if group in _OF_PAPERS else view.kept(group, partial(group.facts, view))
    for source in view.interrupted:
        found |= _kept(view, source)
    unknown: dict[str, str] = {}
    for name, read in readings.items():
        if name not in _LINEAR:
            found.setdefault(name, read.raw)
        found[f"points.{name}"] = None if read.points is None else read.points / 100
        if read.raw is None:
            unknown[name] = read.words
    for name in filter(view.muted, view.state.mutes):
        # What is known by the same evidence is believed as little.
        for fact in (name, *MEASURES[name].facts):
            found.pop(fact, None)
            unknown[fact] = readings[name].words
    known = {name: value for name, value in found.items() if value is not None}
    known.update(plan_facts(view, known, unknown))
    return known, unknown


def plan_facts(view: View, known: Mapping[str, FactValue], unknown: Mapping[str, str]) -> Mapping[str, FactValue]:
    """How the goals of the success plan stand, by what else is known."""
    if not view.state.goals:
        return NO_GOALS
    found = goal_facts(view.state, view.catalogue, Facts.of(known, unknown, stopped=view.interrupted), view.now)
    return {name: value for name, value in found.items() if value is not None}


def _kept(view: View, source: str) -> dict[str, Any]:
    """What rests on a source that is interrupted, as it was known before."""
    then = view.before_interruption(source)
    found = {name: value for group in GROUPS for name, value in group.facts(then).items()}
    return {name: value for name, value in found.items() if source_of(name) == source}
