"""What a firing of a playbook would ask of whom at one account, and when: chosen and worded by who does it in earnest,
and nothing of it is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from services.playbooks.core import settling
from services.playbooks.core.assignment import Assignment, Load, assign
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Ask, Episode, action_id
from services.playbooks.core.giving import when_asked
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.item import Item
from services.playbooks.core.look import Look, View
from services.playbooks.core.message import Errand, Visit, channel_for, render_title
from services.playbooks.core.outbound import OUTBOUND
from services.playbooks.core.playbook import Playbook, Step
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import Standing, owner
from services.playbooks.core.step import suppose
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import OFFICE, Hours, add, later, soonest
from shared.conditions import one_line
from shared.messages import registry
from shared.messages.actions import ActionRequested
from shared.words import clock_time


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """One step, as it would be done."""

    step: int
    """From 1, as they stand in the playbook."""
    kind: str
    title: str
    when: str
    """In words, on the clock of who gets it: an instant, or what it waits for."""
    at: datetime | None = None
    """When it is due; None: that depends on what comes before it."""
    brought_at: datetime | None = None
    """When it reaches them: within their hours, or with their next digest."""
    due_at: datetime | None = None
    to: str | None = None
    """Who gets it, or which channel; None: nobody here works through it."""
    because: str = ""
    held_back: str | None = None
    """What trouble holds an offer back."""


def alone(rules: Rules, entry: Entry) -> Rules:
    """The same rules with this playbook and no other; what runs in the shadow, or is off, runs in earnest."""
    playbook = msgspec.structs.replace(entry.playbook, shadow=False, off=False)
    return rules._replace(library=Library((entry._replace(playbook=playbook),)))


def would_ask(
    rules: Rules,
    stands: Standing,
    items: Sequence[Item],
    loads: Mapping[str, Load],
    now: datetime,
    interruptions: Sequence[Interruption] = (),
) -> tuple[list[ActionRequested], dict[str, Load]]:
    """What the one playbook of `rules` would ask for at once if it were in force and its account were looked at now,
    beside what is open there; and what people would then have on the desk."""
    # As if nobody had ever looked with it, and it were not news to anybody.
    anew = msgspec.structs.replace(stands, met=None, look_at=None, unasked={}, settled=False)
    work = Work(rules, [anew], (), None, interruptions)
    work.time(stands.account, max(now, stands.at))
    settling.close(work, items)
    known = settling.carry_out(work, loads)
    told = (registry.data_of(one.event) for one in work.changes.out)
    (entry,) = rules.library.loaded
    ours = [one for one in told if isinstance(one, ActionRequested) and one.playbook == entry.playbook.name]
    return ours, known


def rehearse(
    playbook: Playbook, stands: Standing, look: Look, rules: Rules, loads: Mapping[str, Load], at: datetime
) -> list[Rehearsed]:
    """Every step, as it would be done by a firing at that instant; those of which what comes before decides, too."""
    then = msgspec.structs.replace(look, now=at, occasion=f"at {at.isoformat()}", cause=None)
    episode = suppose(playbook, then)
    planned = {one.step: one.due for one in episode.planned}
    visit = Visit(stands, then)
    return [
        _rehearsed(Errand(_ask(place, step, episode), playbook, episode, visit), rules, loads, planned.get(place))
        for place, step in enumerate(playbook.steps)
    ]


def _ask(place: int, step: Step, episode: Episode) -> Ask:
    id = action_id(episode.id, place, 1)
    return Ask(id=id, episode=episode.id, kind=step.kind, step=place, occurrence=1, by_time=True)  # type: ignore[arg-type]


def _rehearsed(errand: Errand, rules: Rules, loads: Mapping[str, Load], at: datetime | None) -> Rehearsed:
    playbook, look, place = errand.playbook, errand.visit.look, errand.ask.step
    step, now = playbook.steps[place], at or look.now
    title = render_title(errand, rules.render) if step.title else _says(step)
    if step.kind in ("if", "until", "start") or step.kind in OUTBOUND - {"assign_owner"}:
        return Rehearsed(step=place + 1, kind=step.kind, title=title, when=_when(playbook, step, at, OFFICE), at=at)
    found = assign(
        *(step.assign, owner(errand.visit.stands), rules.directory, loads),
        when_asked(step, now, at_once=playbook.urgent),
        needs_room=step.kind == "task",
    )
    hours = found.to.hours if found.to is not None else rules.directory.office
    due_at = add(hours, now, step.due) if step.due is not None and at is not None else None
    waits = soonest(hours, step.severity, now) if playbook.urgent else later(hours, step.severity, now, due_at)
    waits = waits if at is not None else None
    return Rehearsed(
        step=place + 1,
        kind=step.kind,
        title=title,
        when=_when(playbook, step, at, hours),
        at=at,
        brought_at=None if at is None else waits or at,
        due_at=due_at,
        to=_whom(step, found),
        because=found.because,
        held_back=View(playbook, look).trouble(step.flag_kind) if step.kind == "flag" else None,
    )


def _whom(step: Step, found: Assignment) -> str:
    to, channel = found.to, channel_for(step.channel, found)
    who = f"{to.name} <{to.email}>" if isinstance(to, Csm) and to.email and to.email != to.name else to and to.name
    return " in ".join(one for one in (who, channel) if one) or "nobody"


def _says(step: Step) -> str:
    match step.kind:
        case "if" | "until" if step.condition is not None:
            return one_line(step.condition)
        case "trait":
            return ", ".join(f"{name}: {value}" for name, value in step.traits.items())
        case "assign_owner":
            return "give the account to somebody"
        case _:
            return step.name


def _when(playbook: Playbook, step: Step, at: datetime | None, hours: Hours) -> str:
    return "; ".join(_waits(playbook, step, at, hours))


def _waits(playbook: Playbook, step: Step, at: datetime | None, hours: Hours) -> Iterator[str]:
    if at is not None:
        yield clock_time(at, hours.time_zone)
    else:
        after = f"{step.after.words} after " if step.after is not None else "after "
        if step.follows is not None:
            yield f"{after}the end of task {step.follows + 1}"
        elif step.under is not None:
            yield f"{after}step {step.under + 1}: {_way(playbook.steps[step.under], step)}"
    if step.unless is not None:
        yield f"unless {one_line(step.unless)}"
    if step.condition is not None and step.within is not None:
        yield f"within {step.within.words}"


def _way(parent: Step, step: Step) -> str:
    if parent.kind == "if":
        return "if that is so" if step.arm == "then" else "if it is not"
    return "when that comes" if step.arm == "then" else "if it has not come by then"


def whom_told(said: Iterable[ActionRequested]) -> list[str]:
    """Who gets a message each."""
    return [_told(one) for one in said]


def _told(one: ActionRequested) -> str:
    if one.survey is not None or one.message is not None or one.webhook is not None:
        return "contacts and systems"
    return one.recipient.name if one.recipient is not None else one.channel or "nobody"
