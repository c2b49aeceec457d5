"""What an action says: who, how bad, why in words, since when, what to do."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Assignment
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Ask, Episode, action_id
from services.playbooks.core.look import Look
from services.playbooks.core.matter import of_score
from services.playbooks.core.playbook import Playbook, Render
from services.playbooks.core.reasons import MOST_REASONS, Fed, distinct, drivers_of, other_trouble, reasons
from services.playbooks.core.standing import Standing, card
from services.playbooks.core.workinghours import later
from shared.conditions import Facts
from shared.messages.actions import SEVERITIES, SHARED, ActionRequested, FlagCard, Recipient, Severity, TaskCard
from shared.words import clock_time

_STILL: Final = "Still: "
AGAIN: Final = "Again: "
OVERDUE: Final = "Overdue: "
_ALSO: Final = "Also: "


class Visit(NamedTuple):
    """One look at an account, how the account stands at it, and where it comes from."""

    stands: Standing
    look: Look
    fresh: bool = False
    """The assessment of `stands` caused it."""
    headers: Mapping[str, str] = {}
    found_at: datetime | None = None
    """When it is found so, if that is not the instant that is looked at."""

    def found_in(self, what: str) -> "Visit":
        """The same look; but what holds is found so in this."""
        return self._replace(look=msgspec.structs.replace(self.look, found_in=what))


class Errand(NamedTuple):
    """One ask, with everything that carrying it out needs."""

    ask: Ask
    playbook: Playbook
    episode: Episode
    visit: Visit


def request(
    errand: Errand,
    assigned: Assignment,
    render: Render,
    due_at: datetime | None = None,
    not_before: datetime | None = None,
) -> ActionRequested:
    """The whole message of one ask. Only what is told at once carries what moved the score: later it is old."""
    asked, playbook, episode, visit = errand
    stands, now, cause = visit.stands, visit.look.now, visit.look.cause
    chosen, fresh = playbook.every_step[asked.step], visit.fresh and not asked.by_time
    facts = _facts(errand)
    title = _title(errand, facts, render)
    assert asked.kind != "trait", "An event sets it."
    assert asked.kind != "assign_owner", "An event sets them."
    is_over, drivers = asked.step >= len(playbook.steps), drivers_of(episode, stands) if fresh else []
    contact_id = episode.event.data.get("contact_id") if episode.event is not None else None
    why = [episode.outcome] if is_over else reasons(playbook, episode, stands, fresh=fresh)
    return ActionRequested(
        action_id=asked.id,
        kind=asked.kind,
        playbook=playbook.name,
        playbook_title=playbook.title,
        episode_id=episode.id,
        step=asked.step,
        recipient=assigned.to.recipient if assigned.to is not None else None,
        channel=channel_for(chosen.channel, assigned),
        matter=playbook.matter or of_score(stands),
        severity=chosen.severity,
        title=title,
        why=why,
        # What was found so has held for longer than anybody here knows.
        since=episode.since if episode.found_in is None else None,
        do=render(chosen.do, facts, now) if chosen.do is not None else None,
        contact_id=contact_id,
        contact=episode.event.who if episode.event is not None else None,
        trouble=other_trouble(stands, now, [(playbook, episode)], drivers, why),
        account=card(stands),
        drivers=drivers,
        task=TaskCard(task_id=asked.id, title=title, due_at=due_at, assigned_because=assigned.because)
        if asked.kind == "task"
        else None,
        flag=FlagCard(flag_id=asked.id, title=title, reasons=why, kind=chosen.flag_kind, hand_over=chosen.hand_over)
        if asked.kind == "flag"
        else None,
        not_before=not_before,
        caused_at=cause.accepted if cause is not None and not asked.by_time else None,
    )


def channel_for(asked: str | None, assigned: Assignment) -> str | None:
    """A channel that others read, too, is kept whoever gets it; one of a person needs one."""
    is_shared = asked is not None and SHARED.fullmatch(asked) is not None
    return asked if is_shared or assigned.channel is None else assigned.channel


def with_task(alert: ActionRequested, task: ActionRequested) -> ActionRequested:
    """An alert with the task that is to be done about it: first what the alert asks for, then how to do the task;
    when the earlier of them goes."""
    severity = max(alert.severity, task.severity, key=SEVERITIES.index)
    todo = dict.fromkeys(_sentence(one) for one in (alert.do, task.do) if one)
    why = distinct([*alert.why, *task.why])
    waits = [one.not_before for one in (alert, task) if one.not_before is not None]
    not_before = min(waits) if len(waits) > 1 else None
    said = {"severity": severity, "why": why, "do": " ".join(todo) or None, "not_before": not_before}
    return msgspec.structs.replace(alert, task=task.task, **said)


def headline(said: ActionRequested) -> str:
    """Its title, without the word for that it was told before."""
    return said.title.removeprefix(_STILL).removeprefix(AGAIN)


def also(do: str | None) -> str:
    """What a text of what to do says of other things that are asked for, without the word for it."""
    return (do or "").rpartition(_ALSO)[2].removesuffix(".") if do is not None and _ALSO in do else ""


def with_also(do: str | None, more: str) -> str | None:
    """What to do, with what else is asked for; what is said already is not said again."""
    known = also(do)
    if not more or more in known.split("; "):
        return do
    own = (do or "").rpartition(_ALSO)[0].rstrip() if known else do
    said = f"{_ALSO}{'; '.join(one for one in (known, more) if one)}."
    return f"{_sentence(own)} {said}" if own else said


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def render_title(errand: Errand, render: Render) -> str:
    """The title of one ask; "Still" where people were asked before, and it still holds."""
    return _title(errand, _facts(errand), render)


def _title(errand: Errand, facts: Facts, render: Render) -> str:
    asked, playbook, _, visit = errand
    title = render(playbook.every_step[asked.step].title, facts, visit.look.now)
    is_still = playbook.on_event is None and asked.occurrence > 1 and asked.step < len(playbook.steps)
    return f"{_STILL}{title}" if is_still else title


def _facts(errand: Errand) -> Facts:
    """An account without a name is called by its id."""
    stands = errand.visit.stands
    return Facts.of({"account.name": stands.account, **stands.facts}, cause=errand.episode.event)


def how_late_weighs(task: ActionRequested) -> Severity:
    """What a task weighs that was not done in time: nobody is disturbed for one that could wait from the first."""
    return task.severity if task.severity in ("info", "low") else "high"


def overdue(
    task: ActionRequested,
    stands: Standing,
    action: str,
    to: Recipient | None,
    assignee: str,
    late_since: datetime,
    not_before: datetime | None = None,
    fed: Iterable[Fed] = (),
) -> ActionRequested:
    """Tell whoever answers for the assignee that a task was not done in time, of an account that stands so now."""
    title = task.task.title if task.task is not None else task.title
    due = clock_time(late_since, to.time_zone if to is not None else "UTC")
    return msgspec.structs.replace(
        task,
        action_id=action,
        kind="alert",
        recipient=to,
        severity=how_late_weighs(task),
        title=f"{OVERDUE}{title}",
        why=[f"was due {due}, assigned to {assignee}", *task.why][:MOST_REASONS],
        do="See that somebody does it, or close it with what came of it.",
        trouble=other_trouble(stands, stands.at, fed, (), task.why),
        account=card(stands),
        drivers=[],
        task=None,
        not_before=not_before,
        caused_at=None,
    )


def gone_up(told: ActionRequested, alert: str, first: Csm, to: str, why: str, now: datetime) -> ActionRequested:
    """Tell whoever was told of an alert (by id) that somebody else has it now. It disturbs nobody."""
    return msgspec.structs.replace(
        told,
        action_id=action_id(told.action_id, told.step, 0, "gone up"),
        kind="alert",
        about=alert,
        revision=0,
        recipient=first.recipient,
        severity="low",
        title=f"{to} has it now: {headline(told)}",
        why=[why],
        do=None,
        trouble=[],
        open_work=[],
        drivers=[],
        task=None,
        not_before=later(first.hours, "low", now),
        caused_at=None,
    )


def again(said: ActionRequested, action: str, not_before: datetime | None) -> ActionRequested:
    """Tell once more what was snoozed."""
    told = msgspec.structs.replace(said, action_id=action, not_before=not_before, caused_at=None)
    return titled(told, once_more(said.title))


def once_more(title: str) -> str:
    """A title as it is told again; one that is "still" so needs no other word for it."""
    return title if title.startswith((_STILL, AGAIN)) else f"{AGAIN}{title}"


def titled(said: ActionRequested, title: str) -> ActionRequested:
    """The same by another title."""
    task = said.task and msgspec.structs.replace(said.task, title=title)
    return msgspec.structs.replace(
        said, title=title, task=task, flag=said.flag and msgspec.structs.replace(said.flag, title=title)
    )


def over(said: ActionRequested, since: datetime, because: str) -> ActionRequested:
    """The same, of what has passed though somebody has taken it up."""
    when = clock_time(since, said.recipient.time_zone if said.recipient is not None else "UTC")
    why = [f"was so, and is over since {when}: {because}", *said.why][:MOST_REASONS]
    told = msgspec.structs.replace(said, why=why, drivers=[], do="Close it, unless there is more to it.")
    return titled(told, f"Over: {said.title}")


def with_card(said: ActionRequested, stands: Standing, fed: Iterable[Fed] = ()) -> ActionRequested:
    """The same, of an account that stands so now. Drivers explain the scores they came with."""
    then, now = said.account, card(stands)
    drivers = said.drivers if (then.score, then.previous_score) == (now.score, now.previous_score) else []
    trouble = other_trouble(stands, stands.at, fed, said.drivers, said.why)
    return msgspec.structs.replace(said, account=now, drivers=drivers, trouble=trouble)
