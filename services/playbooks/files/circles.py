"""Playbooks that undo each other's work for as long as nobody ends it: one sets what another waits for, and back."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import Playbook, Step
from shared.conditions import Truth
from shared.messages.accounts import AccountTraits

_KNOWN: Final = frozenset(AccountTraits.__struct_fields__)
_SOME_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)


def circles(playbooks: Mapping[str, Playbook]) -> Iterator[tuple[str, ...]]:
    """The ways from a playbook to itself, each begun with its first by name, of playbooks that wake each other and are
    ended by what one of them sets. What only stays so, wakes nothing twice."""
    wakes = {
        id: [other for other in playbooks if other != id and _wakes(one, playbooks[other])]
        for id, one in playbooks.items()
    }
    for id in sorted(playbooks):
        way = way_back(id, wakes)
        mates = [playbooks[one] for one in way]
        if way and id == min(way) and any(_ends(step, one) for mate in mates for step in mate.steps for one in mates):
            yield way


def way_back(id: str, ways_on: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The playbooks from one to itself, if the ways from each come round; each is passed once."""
    ways: list[tuple[str, ...]] = [(id,)]
    seen = {id}
    while ways:
        way = ways.pop()
        for other in ways_on.get(way[-1], ()):
            if other == id:
                return way
            if other not in seen:
                seen.add(other)
                ways.append((*way, other))
    return ()


def _wakes(one: Playbook, other: Playbook) -> bool:
    """May a step of the one have the other fire?"""
    return any(_begins(step, other) for step in one.steps)


def _begins(step: Step, other: Playbook) -> bool:
    if step.kind == "start":
        return step.name == other.id
    if other.on_event is not None or not other.minds & _set(step).keys():
        return False
    view = _view(step, other)
    return view.applies is not Truth.FALSE and not view.exits


def _ends(step: Step, other: Playbook) -> bool:
    """Does what a step sets end an episode of the playbook?"""
    is_read = other.read & _set(step).keys()
    return bool(is_read) and (step.kind == "assign_owner" or _view(step, other).ends)


def _view(step: Step, playbook: Playbook) -> View:
    """The playbook's conditions where no more is known than what the step sets."""
    known = {name: value for name, value in _set(step).items() if value is not None}
    return View(playbook, Look.of("", known, _SOME_DAY, occasion=""))


def _set(step: Step) -> dict[str, Any]:
    """The facts that a step sets; of an owner nobody knows yet whom."""
    if step.kind == "assign_owner":
        return {"account.owner": None}
    return {f"account.{name}" if name in _KNOWN else f"account.traits.{name}": to for name, to in step.traits.items()}
