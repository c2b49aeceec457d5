"""Who gets it: the first rule of the list that finds somebody who is there, is reached and has room; else the last
resort. And why, in words, with who was passed over."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec

from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.workinghours import next_working, works_before
from shared.words import clock_time, counted, date_words

_MOST_NAMED: Final = 3
"""Of more than so many the reasons are told together."""


class Rule(msgspec.Struct, frozen=True):
    """One way to choose somebody.

    `owner`: the account's. `manager`: theirs. `person`: who is called `name`, an id or e-mail. `role`: who or which
    channel has the role `name` in the directory; unset, `lead` is the owner's manager, and any other the owner. Of
    those of a `tier` and with a `skill`, if these are given, `least_loaded` takes whoever has the fewest open tasks,
    and of several, as `round_robin` does of all, whoever has waited longest for a turn; then it goes by id.
    """

    kind: Literal["owner", "manager", "person", "role", "least_loaded", "round_robin"] = "owner"
    name: str = ""
    tier: str | None = None
    skill: str | None = None

    def some(self, number: int) -> str:
        """So many of those among whom it chooses, in words; 0 is just what they are called."""
        tier, skill = f"{self.tier} " if self.tier else "", f" for {self.skill}" if self.skill else ""
        one = f"{tier}CSM{skill}"
        return counted(number, one, f"{tier}CSMs{skill}") if number else one

    @property
    def is_pool(self) -> bool:
        """Does it choose among several, of whom those who are full are left in peace?"""
        return self.kind in ("least_loaded", "round_robin")


class Load(NamedTuple):
    """What somebody has on the desk. `turn` is the number of the last task, alert or flag they got; 0 is none yet."""

    open_tasks: int = 0
    turn: int = 0


class Assignment(msgspec.Struct, frozen=True):
    """Whom or which channel the list found, and why."""

    to: Csm | None
    because: str
    """With who was passed over."""
    passed_over: tuple[str, ...] = ()
    """Who was not asked, and why not, in words, in the order of the list."""
    channel: str | None = None
    """Where it goes when it goes to nobody; None is the installation's own."""
    last_resort: bool = False


class When(NamedTuple):
    """The instants at which somebody has to be there."""

    now: datetime
    brought: Callable[[Csm], datetime] | None = None
    """When it would be brought to somebody; None is now."""
    due: datetime | None = None
    """By the clock: somebody has to work before then."""

    def at(self, csm: Csm) -> datetime:
        """When somebody would first read it at work."""
        return next_working(csm.hours, self.brought(csm)) if self.brought is not None else self.now


def candidates(rules: Sequence[Rule], owner: str | None, directory: Directory) -> set[str]:
    """The ids whose load the choice depends on: what has to be locked before choosing."""
    last = directory.role("last_resort")
    resort = {last.id, *(one.id for one in directory.managers(last))} if isinstance(last, Csm) else set[str]()
    return resort | {csm.id for rule in rules for csm in _pool(rule, owner, directory)}


def back_at(rules: Sequence[Rule], owner: str | None, directory: Directory, when: When) -> datetime | None:
    """When the first of those who are away now, or will be when it is brought, is back."""
    people = [csm for rule in rules for csm in _pool(rule, owner, directory)]
    backs = [back for csm in people for at in (when.now, when.at(csm)) if (back := csm.back_at(at)) is not None]
    return min((one for one in backs if one > when.now), default=None)


def assign(
    rules: Sequence[Rule],
    owner: str | None,
    directory: Directory,
    loads: Mapping[str, Load],
    when: When | datetime,
    *,
    needs_room: bool = True,
    holders: Collection[str] = (),
) -> Assignment:
    """Go down the list. Who is away, whom no channel reaches, and of many who is full where the work needs room, is
    passed over; when nobody is left, it goes to the last resort.

    Who holds work on the matter already comes first where a rule may choose them, and needs no more room for it.
    """
    when = When(when) if isinstance(when, datetime) else when
    skipped: list[str] = []
    for rule in rules:
        channel = directory.role(rule.name) if rule.kind == "role" else None
        if isinstance(channel, str):
            return _found(None, f"{_called(rule)} of the directory", skipped, channel)
        pool = _pool(rule, owner, directory)
        there = [csm for csm in pool if not _why_not(rule, csm, loads, when, needs_room and csm.id not in holders)]
        if there:
            holding = [csm for csm in there if csm.id in holders]
            chosen, because = (holding[0], "has it already") if holding else _choose(rule, there, loads)
            return _found(chosen, because, skipped)
        skipped += _nobody(rule, owner, pool, loads, when, needs_room)
    return _last_resort(directory, when, list(dict.fromkeys(skipped)))


def why_absent(csm: Csm, when: When) -> str:
    """Why somebody can't be told of it, in words after "is"; empty when they can."""
    if not csm.is_reachable:
        return "reached by no channel"
    away = csm.away_until(when.at(csm))
    if away is not None:
        return f"away until {date_words(away)}"
    if when.due is not None and not csm.hours.any_time and not works_before(csm.hours, when.now, when.due):
        return f"not at work before {clock_time(when.due, csm.hours.time_zone)}"
    return ""


def first_there(people: Iterator[Csm], when: When) -> Csm | None:
    """The first of these who can be told."""
    return next((csm for csm in people if not why_absent(csm, when)), None)


def _found(
    to: Csm | None, because: str, skipped: Sequence[str], channel: str | None = None, *, last: bool = False
) -> Assignment:
    return Assignment(to, "; ".join([because, *skipped]), tuple(skipped), channel, last)


def _last_resort(directory: Directory, when: When, skipped: Sequence[str]) -> Assignment:
    """A person who is away stands for their managers; when none of them is there, it is theirs all the same."""
    place = directory.role("last_resort")
    if not isinstance(place, Csm):
        return _found(None, "last resort", skipped, place, last=True)
    present = first_there(iter((place, *directory.managers(place))), when)
    return _found(present or place, "last resort", skipped, last=True)


def _pool(rule: Rule, owner: str | None, directory: Directory) -> tuple[Csm, ...]:
    owned_by = directory.owner(owner)
    match rule.kind:
        case "owner":
            return (owned_by,) if owned_by is not None else ()
        case "manager":
            return tuple(directory.managers(owned_by))[:1] if owned_by is not None else ()
        case "person":
            return (directory.person(rule.name),)
        case "role":
            place = directory.role(rule.name)
            if isinstance(place, Csm):
                return (place,)
            return () if place else _pool(Rule("manager" if rule.name == "lead" else "owner"), owner, directory)
        case _:
            return directory.with_(rule.tier, rule.skill)


def _choose(rule: Rule, there: Sequence[Csm], loads: Mapping[str, Load]) -> tuple[Csm, str]:
    match rule.kind:
        case "owner":
            return there[0], "owner of the account"
        case "manager":
            return there[0], "manager of the owner"
        case "person":
            return there[0], "named in the playbook"
        case "role":
            return there[0], f"stands for {_called(rule)}"
        case "least_loaded":
            chosen = min(there, key=lambda csm: (*_load(csm, loads), csm.id))
            return chosen, f"least loaded of {rule.some(len(there))}, with {_load(chosen, loads).open_tasks} open"
        case "round_robin":
            chosen = min(there, key=lambda csm: (_load(csm, loads).turn, csm.id))
            return chosen, f"next in turn of {rule.some(len(there))}"


def is_full(csm: Csm, load: Load) -> bool:
    """Has somebody as many open tasks as they can take?"""
    return csm.capacity is not None and load.open_tasks >= csm.capacity


def _why_not(rule: Rule, csm: Csm, loads: Mapping[str, Load], when: When, needs_room: bool) -> str:
    load = _load(csm, loads)
    full = f"full, with {load.open_tasks} open" if needs_room and rule.is_pool and is_full(csm, load) else ""
    return why_absent(csm, when) or full


def _nobody(
    rule: Rule, owner: str | None, pool: Sequence[Csm], loads: Mapping[str, Load], when: When, needs_room: bool
) -> Iterator[str]:
    """Who was passed over, and why."""
    if rule.is_pool and not pool:
        yield f"there is no {rule.some(0)}"
    elif rule.is_pool and len(pool) > _MOST_NAMED:
        yield f"all {rule.some(len(pool))} are away or full"
    elif pool:
        for csm in pool:
            who = "the owner" if rule.kind == "owner" else csm.name
            yield f"{who} is {_why_not(rule, csm, loads, when, needs_room)}"
    elif not owner or not owner.strip():
        yield "the account has no owner"
    elif rule.kind == "owner" or rule.name != "lead":
        yield f"the owner {owner.strip()!r} is not in the directory"
    else:
        yield "the owner has no manager"


def _called(rule: Rule) -> str:
    return rule.name.replace("_", " ")


def _load(csm: Csm, loads: Mapping[str, Load]) -> Load:
    return loads.get(csm.id, Load())
