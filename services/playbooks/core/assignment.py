"""Who gets it: the first rule of the list that finds somebody who is there and has room, and why, in words."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from services.playbooks.core.directory import Csm, Directory
from shared.words import counted, date_words


class Rule(msgspec.Struct, frozen=True):
    """One way to choose somebody.

    `owner`: the account's. `person`: who is called `name`, an id or e-mail. Of those of a `tier` and with a `skill`, if
    these are given, `least_loaded` takes whoever has the fewest open tasks, and of several, as `round_robin` does of
    all, whoever has waited longest for a turn; then it goes by id.
    """

    kind: Literal["owner", "person", "least_loaded", "round_robin"] = "owner"
    name: str = ""
    tier: str | None = None
    skill: str | None = None

    def some(self, number: int) -> str:
        """So many of those among whom it chooses, in words; 0 is just what they are called."""
        tier, skill = f"{self.tier} " if self.tier else "", f" for {self.skill}" if self.skill else ""
        one = f"{tier}CSM{skill}"
        return counted(number, one, f"{tier}CSMs{skill}") if number else one


class Load(NamedTuple):
    """What somebody has on the desk. `turn` is the number of the last task, alert or flag they got; 0 is none yet."""

    open_tasks: int = 0
    turn: int = 0


class Assignment(msgspec.Struct, frozen=True):
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
    holders: Collection[str] = (),
) -> Assignment:
    """Go down the list. People who are away are skipped, and so are those who are full where the work needs room.

    Who holds work on the matter already comes first where a rule may choose them, and needs no more room for it.
    """
    skipped: list[str] = []
    for rule in rules:
        pool = _pool(rule, owner, directory)
        there = [csm for csm in pool if not _why_not(csm, loads, now, needs_room and csm.id not in holders)]
        if there:
            holding = [csm for csm in there if csm.id in holders]
            chosen, because = (holding[0], "has it already") if holding else _choose(rule, there, loads)
            return Assignment(chosen, "; ".join([because, *skipped]))
        skipped.append(_nobody(rule, pool, loads, now, needs_room))
    return Assignment(None, "nobody: " + "; ".join(skipped))


def _pool(rule: Rule, owner: str | None, directory: Directory) -> tuple[Csm, ...]:
    match rule.kind:
        case "owner":
            return (directory.person(owner),) if owner else ()
        case "person":
            return (directory.person(rule.name),)
        case _:
            return directory.with_(rule.tier, rule.skill)


def _choose(rule: Rule, there: Sequence[Csm], loads: Mapping[str, Load]) -> tuple[Csm, str]:
    match rule.kind:
        case "owner":
            return there[0], "owner of the account"
        case "person":
            return there[0], "named in the playbook"
        case "least_loaded":
            chosen = min(there, key=lambda csm: (*_load(csm, loads), csm.id))
            return chosen, f"least loaded of {rule.some(len(there))}, with {_load(chosen, loads).open_tasks} open"
        case "round_robin":
            chosen = min(there, key=lambda csm: (_load(csm, loads).turn, csm.id))
            return chosen, f"next in turn of {rule.some(len(there))}"


def _why_not(csm: Csm, loads: Mapping[str, Load], now: datetime, needs_room: bool) -> str:
    away, tasks = csm.away_until(now), _load(csm, loads).open_tasks
    if away is not None:
        return f"away until {date_words(away)}"
    return f"full, with {tasks} open" if needs_room and csm.capacity is not None and tasks >= csm.capacity else ""


def _nobody(rule: Rule, pool: Sequence[Csm], loads: Mapping[str, Load], now: datetime, needs_room: bool) -> str:
    if not pool:
        return "the account has no owner" if rule.kind == "owner" else f"there is no {rule.some(0)}"
    if rule.kind in ("owner", "person"):
        who = "the owner" if rule.kind == "owner" else pool[0].name
        return f"{who} is {_why_not(pool[0], loads, now, needs_room)}"
    return f"all {rule.some(len(pool))} are away or full"


def _load(csm: Csm, loads: Mapping[str, Load]) -> Load:
    return loads.get(csm.id, Load())
