"""Who gets it: the first rule of the list that finds somebody who is there and has room, and why, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from services.playbooks.core.directory import Csm, Directory
from shared.words import counted, date_words


class Owner(msgspec.Struct, frozen=True, tag="owner"):
    """The account's owner."""


class Person(msgspec.Struct, frozen=True, tag="person"):
    """Somebody by id or e-mail."""

    name: str


class LeastLoaded(msgspec.Struct, frozen=True, tag="least_loaded"):
    """Whoever has the fewest open tasks; of several, whoever has waited longest for a turn; then by id."""

    tier: str | None = None
    skill: str | None = None


class RoundRobin(msgspec.Struct, frozen=True, tag="round_robin"):
    """Whoever has waited longest for a turn, ties by id."""

    tier: str | None = None
    skill: str | None = None


Rule = Owner | Person | LeastLoaded | RoundRobin


class Load(NamedTuple):
    """What somebody has on the desk. `turn` is the number of the last task, alert or flag they got; 0 is none yet."""

    open_tasks: int = 0
    turn: int = 0


class Assigned(msgspec.Struct, frozen=True):
    """Whom the list found, or nobody, and why."""

    to: Csm | None
    because: str


def candidates(rules: Sequence[Rule], owner: str | None, directory: Directory) -> set[str]:
    """The ids whose load the choice depends on: what has to be locked before choosing."""
    return {csm.id for rule in rules for csm in _pool(rule, owner, directory)}


def assign(
    rules: Sequence[Rule],
    owner: str | None,
    directory: Directory,
    loads: Mapping[str, Load],
    now: datetime,
    *,
    needs_room: bool = True,
) -> Assigned:
    """Go down the list. People who are away are skipped, and so are those who are full where the work needs room."""
    skipped: list[str] = []
    for rule in rules:
        pool = _pool(rule, owner, directory)
        there = [csm for csm in pool if not _why_not(csm, loads, now, needs_room)]
        if there:
            chosen, because = _choose(rule, there, loads)
            return Assigned(chosen, "; ".join([because, *skipped]))
        skipped.append(_nobody(rule, pool, loads, now, needs_room))
    return Assigned(None, "nobody: " + "; ".join(skipped))


def _pool(rule: Rule, owner: str | None, directory: Directory) -> tuple[Csm, ...]:
    match rule:
        case Owner():
            return (directory.person(owner),) if owner else ()
        case Person(name=name):
            return (directory.person(name),)
        case LeastLoaded(tier=tier, skill=skill) | RoundRobin(tier=tier, skill=skill):
            return directory.with_(tier, skill)


def _choose(rule: Rule, there: Sequence[Csm], loads: Mapping[str, Load]) -> tuple[Csm, str]:
    match rule:
        case Owner():
            return there[0], "owner of the account"
        case Person():
            return there[0], "named in the playbook"
        case LeastLoaded():
            chosen = min(there, key=lambda csm: (*_load(csm, loads), csm.id))
            tasks = _load(chosen, loads).open_tasks
            return chosen, f"least loaded of {counted(len(there), _sort(rule), _sort(rule, 's'))}, with {tasks} open"
        case RoundRobin():
            return min(there, key=lambda csm: (_load(csm, loads).turn, csm.id)), (
                f"next in turn of {counted(len(there), _sort(rule), _sort(rule, 's'))}"
            )


def _why_not(csm: Csm, loads: Mapping[str, Load], now: datetime, needs_room: bool) -> str:
    away = csm.away_until(now)
    if away is not None:
        return f"away until {date_words(away)}"
    if needs_room and csm.capacity is not None and _load(csm, loads).open_tasks >= csm.capacity:
        return f"full, with {_load(csm, loads).open_tasks} open"
    return ""


def _nobody(rule: Rule, pool: Sequence[Csm], loads: Mapping[str, Load], now: datetime, needs_room: bool) -> str:
    if isinstance(rule, Owner) and not pool:
        return "the account has no owner"
    if isinstance(rule, Owner | Person):
        who = "the owner" if isinstance(rule, Owner) else pool[0].name
        return f"{who} is {_why_not(pool[0], loads, now, needs_room)}"
    if not pool:
        return f"there is no {_sort(rule)}"
    return f"all {counted(len(pool), _sort(rule), _sort(rule, 's'))} are away or full"


def _load(csm: Csm, loads: Mapping[str, Load]) -> Load:
    return loads.get(csm.id, Load())


def _sort(rule: LeastLoaded | RoundRobin, plural: str = "") -> str:
    words = [rule.tier or "", f"CSM{plural}"]
    skill = f" for {rule.skill}" if rule.skill else ""
    return " ".join(word for word in words if word) + skill
