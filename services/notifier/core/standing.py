"""How a task, an alert or a flag stands by now, where a message told of it: in words, and what can be done about it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.notifier.core.message import Offer
from shared.messages.actions import ActionRequested, ItemChanged, Kind, Recipient
from shared.messages.moves import OFFERED
from shared.words import clean, clock_time, moment, zone_label

_LONGEST_NOTE: Final = 300
_BEGINS: Final[Mapping[str, str]] = {
    "done": "Done: ",
    "no_result": "Closed: ",
    "false_alarm": "False alarm: ",
    "closed": "Closed: ",
    "dismissed": "Dismissed: ",
    "won": "Won: ",
    "lost": "Lost: ",
}
"""How the title begins of what is settled, by its state; all other states are open."""
_OVER: Final = "Over: "
_SAY_NOTHING: Final = frozenset(
    {
        *("taken", "snoozed", "acknowledged", "accepted", "open", "done", "no result", "false alarm", "closed"),
        *("dismissed", "won", "lost", "opened again", "it was snoozed until now"),
    }
)
"""What stands in place of a note where nobody wrote one."""
_GIVEN: Final = "reassigned to "
_DUE: Final = "to be done by "
_BEGUN: Final = frozenset({"taken", "acknowledged", "accepted"})
"""Somebody is at it, and it matters since when."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an item stands since it moved last."""

    state: str
    at: datetime
    """When it moved."""
    by: str = ""
    """Who moved it, by name; empty where it was nobody in particular."""
    words: str = ""
    """Why, in words, or what they noted."""
    assignee_id: str | None = None
    assignee: str = ""
    until: datetime | None = None
    due_at: datetime | None = None
    over_since: datetime | None = None

    @classmethod
    def of(cls, changed: ItemChanged, at: datetime) -> "Standing":
        """As it was told."""
        return cls(at=at, **{name: getattr(changed, name) for name in _TOLD})

    @property
    def is_settled(self) -> bool:
        """Nothing can be done about it any more."""
        return self.state in _BEGINS


_TOLD: Final = ("state", "by", "words", "assignee_id", "assignee", "until", "due_at", "over_since")


class Stands(NamedTuple):
    """How the items stand that one message tells of; None, where nothing happened to it since."""

    item: Standing | None = None
    task: Standing | None = None
    """Of an alert with its task: the task's."""

    @property
    def told(self) -> Standing | None:
        """The one to tell: of an alert with its task it is the task that people move."""
        return self.task or self.item


AS_TOLD: Final = Stands()
"""Nothing happened since."""


def is_elsewhere(action: ActionRequested, now: Standing | None) -> bool:
    """Whether it has gone to somebody else than whom it was told."""
    told = action.recipient
    return now is not None and told is not None and now.assignee_id not in (None, told.id)


def as_it_stands(action: ActionRequested, now: Standing | None, *, shared: bool = False) -> ActionRequested:
    """What was told, as it reads by now: of what is settled or over nothing is asked any more, and of what has gone to
    somebody else nothing of its reader."""
    if now is None:
        return action
    if is_elsewhere(action, now):
        unassigned = action.task and msgspec.structs.replace(action.task, assigned_because="")
        action = msgspec.structs.replace(action, task=unassigned)
        if not shared:
            action = msgspec.structs.replace(action, do=None, task=unassigned if action.kind == "task" else None)
    begins = _OVER if now.over_since is not None and now.state in ("closed", *_OPEN) else _BEGINS.get(now.state, "")
    if not begins:
        task = action.task and msgspec.structs.replace(action.task, due_at=now.due_at or action.task.due_at)
        return msgspec.structs.replace(action, task=task)
    task, flag = action.task, action.flag
    own = (task.title if action.kind == "task" and task is not None else flag.title if flag else "") or action.title
    title = own if own.startswith(begins) else f"{begins}{own}"
    return msgspec.structs.replace(
        action,
        title=title,
        **{"since": None, "do": None, "drivers": [], "trouble": [], "open_work": [], "not_before": None},
        task=task and msgspec.structs.replace(task, title=title, due_at=None) if action.kind == "task" else None,
        flag=flag and msgspec.structs.replace(flag, title=title),
    )


_OPEN: Final = frozenset(state for _, state in OFFERED)


def status(stands: Standing | None, reader: Recipient | None, now: datetime, *, shared: bool) -> str:
    """How it stands, in words: `Kim Lee took it · 14:32`, `Snoozed until Monday 09:00 by Ben`. Empty while nothing
    happened that its reader should know."""
    if stands is None:
        return ""
    zone = reader.time_zone if reader is not None else "UTC"
    over = f"Over since {clock_time(stands.over_since, zone)}" if stands.over_since is not None else ""
    if over and not stands.by:
        return _with_note(over, stands.words)
    told = list(filter(None, _moved(stands, reader, now, zone)))
    if stands.by and stands.state in _BEGUN and not stands.words.startswith(_DUE):
        label = f" ({zone_label(zone)})" if shared or zone == "UTC" else ""
        told.append(f"{moment(stands.at, now, zone).removeprefix('today ')}{label}")
    if over and not stands.is_settled:
        told.append(f"{over[0].lower()}{over[1:]}" if told else over)
    return " · ".join(told)


def _moved(stands: Standing, reader: Recipient | None, now: datetime, zone: str) -> Iterator[str]:
    """How it stands, and what was said last."""
    by, words = clean(stands.by, 80), stands.words
    if words.startswith(_DUE):
        # `to be done by Thu 26 Nov 2026, 15:00 Berlin time: they asked for it`
        due, _, note = words.removeprefix(_DUE).partition(": ")
        yield _has_it(stands, now, zone, "")
        yield _with_note(f"Due {clean(due, 80)}" + (f", says {by}" if by else ""), note)
    elif stands.state == "open":
        yield _changed_hands(stands, reader, by)
    else:
        yield _with_note(_has_it(stands, now, zone, by), words)


def _has_it(stands: Standing, now: datetime, zone: str, by: str) -> str:
    """In which state it is, and who brought it there, where that is known."""
    whose, by_whom = clean(stands.assignee, 80) or "Somebody", f" by {by}" if by else ""
    match stands.state:
        case "open":
            return ""
        case "taken":
            return f"{by} took it" if by else f"{whose} has it"
        case "acknowledged":
            return f"{by or whose} has seen it and is on it"
        case "snoozed":
            until = f" until {moment(stands.until, now, zone)}" if stands.until is not None else ""
            return f"Snoozed{until}{by_whom}"
        case "no_result":
            return f"Tried{by_whom}, and nothing came of it"
        case "false_alarm":
            return f"A false alarm, says {by}" if by else "A false alarm"
        case state:
            return f"{clean(state, 40).replace('_', ' ').capitalize()}{by_whom}"


def _changed_hands(stands: Standing, reader: Recipient | None, by: str) -> str:
    whose = clean(stands.assignee, 80)
    is_theirs = reader is not None and stands.assignee_id == reader.id
    if stands.words.startswith(_GIVEN):
        # `reassigned to Ben: she knows them`
        _, _, note = stands.words.removeprefix(_GIVEN).removeprefix(stands.assignee).partition(": ")
        given = f"Given to {whose or 'nobody'}" + (f" by {by}" if by else "")
        return "" if is_theirs else _with_note(given, note)
    if by:
        return _with_note(f"Opened again by {by}", stands.words)
    return _with_note(f"{whose} has it now", stands.words) if whose and not is_theirs else ""


def _with_note(said: str, note: str) -> str:
    note = clean(note, _LONGEST_NOTE)
    return said if not note or note.casefold() in _SAY_NOTHING else f"{said}: {note}"


def offer(action: ActionRequested, stands: Stands, *, shared: bool) -> Offer | None:
    """What its reader can do about it where they read it. Nothing about what is settled, or has gone to somebody else;
    where others read too, anybody may."""
    if not action.item_id or action.kind not in ("alert", "task", "flag"):
        return None
    kind: Kind = "task" if action.task is not None else action.kind
    id = action.task.task_id if action.kind == "alert" and action.task is not None else action.item_id
    now = stands.told
    moves = OFFERED.get((kind, now.state if now is not None else "open"), ())
    if not moves or (is_elsewhere(action, now) and not shared):
        return None
    theirs = now.assignee_id if now is not None else None
    title = action.task.title if kind == "task" and action.task is not None else action.title
    return Offer(
        item_id=id,
        account_id=action.account.id,
        kind=kind,
        title=clean(title, 120),
        moves=list(moves),
        to=[one for one in action.colleagues if one.id != theirs],
        time_zone=action.recipient.time_zone if action.recipient is not None else "UTC",
    )
