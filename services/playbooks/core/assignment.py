"""Who gets it: the first rule of the list that finds somebody who is there, is reached and has room; else the last
resort. And why, in words, with who was passed over."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.strategy import By, Rule
from services.playbooks.core.workinghours import next_working, works_before
from shared.words import clock_time, counted, date_words

_MOST_NAMED: Final = 3
"""Of more than so many the reasons are told together."""


class Load(NamedTuple):
    """What somebody has on the desk. `turn` is the number of the last task, alert, flag or account they got; 0 is none
    yet. Accounts and their revenue are counted only where somebody is chosen by them."""

    open_tasks: int = 0
    turn: int = 0
    accounts: int = 0
    mrr: Fraction = Fraction()
    """A month, in the unit of which rates are told."""
    said: str = ""
    """The same in words, with what could not be converted."""

    def by(self, what: By | None) -> Fraction | int:
        """How much it is by one of its measures."""
        return self.mrr if what == "mrr" else self.accounts if what == "accounts" else self.open_tasks


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
    stands_for: str | None = None
    """The id of whom they stand in for, who is away and may have it back."""


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


def candidates(rules: Sequence[Rule], owner: str | None, directory: Directory, about: Csm | None = None) -> set[str]:
    """The ids whose load the choice depends on: what has to be locked before choosing."""
    last = directory.role("last_resort")
    resort = {last.id, *(one.id for one in directory.managers(last))} if isinstance(last, Csm) else set[str]()
    asked = [csm for rule in rules for csm in _pool(rule, owner, directory, about)]
    return resort | {csm.id for csm in (*asked, *(other for one in asked for other in directory.deputies(one)))}


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
    about: Csm | None = None,
) -> Assignment:
    """Go down the list. Who is away or gone, whom no channel reaches, and of many who is full where the work needs
    room, is passed over; when nobody is left, it goes to who stands in for one of them, at last to the last resort.

    Who holds work on the matter already comes first where a rule may choose them, and needs no more room for it. Rules
    are `about` whoever's work it was, and else about the account's owner.
    """
    when = When(when) if isinstance(when, datetime) else when
    skipped: list[str] = []
    absent: list[Csm] = []
    for rule in rules:
        channel = directory.role(rule.name) if rule.kind == "role" else None
        if isinstance(channel, str):
            return _found(None, f"{_called(rule)} of the directory", skipped, channel)
        pool = _pool(rule, owner, directory, about)
        there = [csm for csm in pool if not _why_not(rule, csm, loads, when, needs_room and csm.id not in holders)]
        if there:
            holding = [csm for csm in there if csm.id in holders]
            chosen, because = (holding[0], "has it already") if holding else _choose(rule, there, loads, about)
            return _found(chosen, because, skipped)
        skipped += _nobody(rule, owner, pool, loads, when, needs_room, about)
        absent += () if rule.is_pool else pool
    for csm in absent if about is None else ():
        if (deputy := first_there(directory.deputies(csm), when)) is not None:
            found = _found(deputy, f"stands in for {csm.name}", skipped)
            return msgspec.structs.replace(found, stands_for=None if csm.has_left(when.now) else csm.id)
    return _last_resort(directory, when, list(dict.fromkeys(skipped)))


def why_absent(csm: Csm, when: When) -> str:
    """Why somebody can't be told of it, in words after "is"; empty when they can."""
    at = when.at(csm)
    if csm.has_left(at) and csm.left is not None:
        return f"gone since {date_words(csm.left)}"
    if not csm.is_reachable:
        return "reached by no channel"
    away = csm.away_until(at)
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


def _pool(rule: Rule, owner: str | None, directory: Directory, about: Csm | None = None) -> tuple[Csm, ...]:
    owned_by = directory.owner(owner)
    # What somebody leaves behind goes up their line; what is an owner's manager's is theirs alone.
    above = 1 if about is None else None
    about = about or owned_by
    match rule.kind:
        case "owner":
            return (owned_by,) if owned_by is not None else ()
        case "manager":
            return tuple(directory.managers(about))[:above] if about is not None else ()
        case "deputy":
            return tuple(directory.deputies(about)) if about is not None else ()
        case "team":
            return directory.teammates(about) if about is not None else ()
        case "person":
            return (directory.person(rule.name),)
        case "role":
            place = directory.role(rule.name)
            if isinstance(place, Csm):
                return (place,)
            return () if place else _pool(Rule("manager" if rule.name == "lead" else "owner"), owner, directory)
        case _:
            return directory.with_(rule.tier, rule.skill, rule.team)


def _choose(rule: Rule, there: Sequence[Csm], loads: Mapping[str, Load], about: Csm | None) -> tuple[Csm, str]:
    whose = about.name if about is not None else "the owner"
    match rule.kind:
        case "owner":
            return there[0], "owner of the account"
        case "manager":
            return there[0], f"manager of {whose}"
        case "deputy":
            return there[0], f"deputy of {whose}"
        case "person":
            return there[0], "named in the playbook"
        case "role":
            return there[0], f"stands for {_called(rule)}"
        case "round_robin":
            chosen = min(there, key=lambda csm: (_load(csm, loads).turn, csm.id))
            return chosen, f"next in turn of {rule.some(len(there))}"
        case _:
            chosen = min(there, key=lambda csm: (_load(csm, loads).by(rule.by), _load(csm, loads).turn, csm.id))
            of = f" of {whose}" if rule.kind == "team" else ""
            return chosen, f"least loaded of {rule.some(len(there))}{of}, with {_burden(rule, _load(chosen, loads))}"


def _burden(rule: Rule, load: Load) -> str:
    match rule.by:
        case "accounts":
            return counted(load.accounts, "account")
        case "mrr":
            return load.said or "no revenue"
        case _:
            return f"{load.open_tasks} open"


def is_full(csm: Csm, load: Load) -> bool:
    """Has somebody as many open tasks as they can take?"""
    return csm.capacity is not None and load.open_tasks >= csm.capacity


def _why_not(rule: Rule, csm: Csm, loads: Mapping[str, Load], when: When, needs_room: bool) -> str:
    load = _load(csm, loads)
    full = f"full, with {load.open_tasks} open" if needs_room and rule.is_pool and is_full(csm, load) else ""
    return why_absent(csm, when) or full


def _nobody(
    rule: Rule,
    owner: str | None,
    pool: Sequence[Csm],
    loads: Mapping[str, Load],
    when: When,
    needs_room: bool,
    about: Csm | None,
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
    elif about is not None and rule.kind in ("deputy", "manager"):
        yield f"{about.name} has no {rule.kind}"
    elif rule.kind == "deputy" and owner:
        yield "the owner has no deputy"
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
