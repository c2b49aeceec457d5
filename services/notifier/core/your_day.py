"""A digest as a person reads it: what is to be done today, what changed, what renews, what was closed; and for a lead
how their people are doing. The most important first, and short: the rest is counted, and says where it is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.notifier.core import composing as single
from services.notifier.core.message import Item, Line, Message, Section
from shared.messages.actions import ActionRequested
from shared.messages.digests import DayCard, DayLine, Handed, Part, PersonLine
from shared.words import clean, counted, date_words, day_words, moment, monthly, renewal, whole, zone

_ABOUT: Final = 160
"""A line is read at a glance."""


class New(NamedTuple):
    """What else comes with it: what could wait, and waited for this."""

    actions: Sequence[ActionRequested] = ()
    """Those that are shown."""
    items: Sequence[Item] = ()
    more: str = ""
    number: int = 0


def compose(action: ActionRequested, new: New, now: datetime, *, shared: bool = False) -> Message:
    """Somebody's day or week; `now` is when it was to come."""
    day = _without(action.day or DayCard(since=now), new.actions, now)
    who, zone_name = action.recipient, single.zone_of(action.recipient)
    recipient, mention = single.reader([who], shared)
    title = f"{single.title_of(action)}: {day_words(now, zone_name)}"
    short = _in_short(day, new.number)
    me = who.id if who is not None else ""
    sections = list(_sections(day, me, now, zone_name))
    # What is new comes right after what is to be done.
    first = len({one.part for one in day.lines} & {"today", "alert"})
    ids = [one.account_id for one in day.lines] + [one.account.id for one in new.actions]
    return Message(
        kind="digest",
        label=f"since {moment(day.since, now, zone_name)}",
        severity=action.severity,
        band="unknown",
        subject=f"{single.title_of(action)}: {short}" if short else title,
        title=title,
        headline=short,
        sections=sections[:first],
        items_heading=f"New for you ({new.number})" if new.number else "",
        items=list(new.items),
        more=new.more,
        rest=sections[first:],
        recipient=recipient,
        mention=mention,
        footer="When and of what you hear: keepwell preferences",
        whose=None if shared else who,
        accounts=list(dict.fromkeys(ids)),
    )


def _without(day: DayCard, shown: Sequence[ActionRequested], now: datetime) -> DayCard:
    """What is told in full beside it is not told twice."""
    told = {one.item_id for one in shown} | {one.task.task_id for one in shown if one.task is not None}
    twice = [one for one in day.lines if one.part in ("today", "alert") and one.item_id in told]
    numbers = Counter(day.numbers)
    numbers.subtract(one.part for one in twice)
    late = sum(one.part == "today" and _is_late(one, now) for one in twice)
    return msgspec.structs.replace(
        day,
        lines=[one for one in day.lines if one not in twice],
        numbers={part: number for part, number in numbers.items() if number > 0},
        overdue=max(0, day.overdue - late),
    )


def _in_short(day: DayCard, new: int) -> str:
    """`3 to do today, 1 overdue · 2 new alerts · 1 turned red`."""
    numbers = day.numbers
    late = f", {day.overdue:,} overdue" if day.overdue else ""
    red = sum(one.part == "turned" and one.band == "red" for one in day.lines)
    said = (
        f"{numbers['today']:,} to do {_when(day)}{late}" if "today" in numbers else "",
        f"{new:,} new for you" if new else "",
        counted(numbers["alert"], "open alert") if "alert" in numbers else "",
        f"{counted(red, 'account')} turned red" if red else "",
    )
    if any(said):
        return " · ".join(filter(None, said))
    overdue = sum(one.overdue for one in day.team)
    return f"{counted(overdue, 'task')} of your people overdue" if overdue else ""


def _sections(day: DayCard, me: str, now: datetime, zone_name: str) -> Iterator[Section]:
    """Each part that has anything to say, in order."""
    ahead = "in 90 days" if day.weekly else "in 30 days"
    late = f", {day.overdue:,} overdue" if day.overdue else ""
    mine = f"--assignee {clean(me, 80)}" if me else ""
    parts: tuple[tuple[Part, str, Callable[[DayLine], Line], str], ...] = (
        ("today", f"To do {_when(day)} (NUMBER{late})", lambda one: _todo(one, now, zone_name), f"tasks {mine}"),
        ("alert", "Alerts that came and are open (NUMBER)", _alert, f"alerts {mine}"),
        ("turned", "Accounts that turned (NUMBER)", _turned, ""),
        ("renewal", f"Renewals {ahead} (NUMBER)", lambda one: _renewal(one, now), ""),
        ("closed", f"You closed ({_outcomes(day.outcomes)})", _closed, ""),
        ("worst", "Red accounts of your people (NUMBER)", _worst, ""),
    )
    for part, heading, as_line, where in parts:
        if part == "renewal" and day.handed:
            yield Section(heading="Came to you", lines=[_handed(one) for one in day.handed])
        if part == "worst" and day.team:
            yield _team(day, zone_name)
        lines = [as_line(one) for one in day.lines if one.part == part]
        if lines:
            number = day.numbers.get(part, len(lines))
            yield Section(
                heading=heading.replace("NUMBER", f"{number:,}"), lines=lines, more=_more(number - len(lines), where)
            )


def _more(left: int, where: str) -> str:
    if left <= 0:
        return ""
    return f"and {left:,} more: keepwell {where}".strip() if where else f"and {left:,} more"


def _todo(line: DayLine, now: datetime, zone_name: str) -> Line:
    due = moment(line.due_at, now, zone_name) if line.due_at is not None else ""
    when = f"{'overdue since' if _is_late(line, now) else 'due'} {due}" if due else ""
    return _line(line, line.title, when, line.contact, ref=line.item_id[:12])


def _alert(line: DayLine) -> Line:
    return _line(
        line, line.title, line.severity if line.severity in ("high", "critical") else "", ref=line.item_id[:12]
    )


def _turned(line: DayLine) -> Line:
    return Line(headline=_glance(line, f"{line.band_before} → {line.band}"), text=clean(line.title, _ABOUT))


def _renewal(line: DayLine, now: datetime) -> Line:
    when = renewal(line.renews_at, now) if line.renews_at is not None else ""
    return _line(line, when, line.contact)


def _closed(line: DayLine) -> Line:
    # What was won is worth more than the account.
    won = line.state == "won" and line.mrr_minor is not None
    what = f"{_outcome(line.state)} {monthly(line.mrr_minor or 0, line.currency)}" if won else _outcome(line.state)
    note = f"“{clean(line.note, _ABOUT)}”" if line.note else ""
    return Line(headline=f"{_name(line)} · {what}", text=" · ".join(filter(None, (clean(line.title, _ABOUT), note))))


def _worst(line: DayLine) -> Line:
    return _line(line, line.whose, line.title)


def _handed(one: Handed) -> Line:
    return Line(headline=f"{counted(one.number, 'piece of work', 'pieces of work')}: {clean(one.why, _ABOUT)}")


def _team(day: DayCard, zone_name: str) -> Section:
    lines = [_person(one, zone_name) for one in day.team]
    left = day.people - len(day.team)
    return Section(heading=f"Your people ({day.people:,})", lines=lines, more=_more(left, "people"))


def _person(one: PersonLine, zone_name: str) -> Line:
    said = (
        counted(one.tasks, "task") if one.tasks else "",
        f"{one.overdue:,} overdue" if one.overdue else "",
        f"{counted(one.unseen, 'alert')} not acknowledged" if one.unseen else "",
        f"away until {date_words(one.until.astimezone(zone(zone_name)))}" if one.until is not None else "",
    )
    return Line(headline=" · ".join((clean(one.name, 80), *filter(None, said))))


def _line(line: DayLine, *said: str, ref: str = "") -> Line:
    text = " · ".join(clean(one, _ABOUT) for one in said if one)
    return Line(headline=_glance(line, line.band), text=text, ref=ref)


def _glance(line: DayLine, band: str) -> str:
    """`Northwind · €4,200/month · 41 red`."""
    worth = monthly(line.mrr_minor, line.currency) if line.mrr_minor is not None else ""
    score = f"{whole(line.score)} {band}" if line.score is not None else ""
    return " · ".join(filter(None, (_name(line), worth, score)))


def _name(line: DayLine) -> str:
    return clean(line.account, 80) or clean(line.account_id)


def _outcomes(outcomes: Mapping[str, int]) -> str:
    """`5 done, 1 false alarm`."""
    return ", ".join(f"{number:,} {_outcome(state)}" for state, number in outcomes.items())


def _outcome(state: str) -> str:
    return state.replace("_", " ")


def _is_late(line: DayLine, now: datetime) -> bool:
    return line.due_at is not None and line.due_at < now


def _when(day: DayCard) -> str:
    return "this week" if day.weekly else "today"
