"""What somebody's digest says: their day or their week, and for a lead how their people are doing."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from services.playbooks.core.books import value_of
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.item import BY_ITSELF, Item
from services.playbooks.core.standing import Standing, card
from services.playbooks.core.turns import Kind, Made
from shared.messages.actions import SEVERITIES, AccountCard, ActionRequested
from shared.messages.digests import DayCard, DayLine, Handed, Part, PersonLine
from shared.messages.registry import COMPANY

MOST: Final[Mapping[Part, int]] = {"today": 8, "alert": 5, "turned": 5, "renewal": 5, "closed": 5, "worst": 5}
"""How many lines of each part; the rest is counted."""
MOST_PEOPLE: Final = 8
MOST_HANDED: Final = 5
_AHEAD: Final[Mapping[Kind, timedelta]] = {"day": timedelta(days=30), "week": timedelta(days=90)}
_SOON: Final = timedelta(days=7)
_NAMED: Final = "digest"
_TITLES: Final = {"day": "Your day", "week": "Your week"}


class Asked(NamedTuple):
    """A digest that is to be made."""

    csm: Csm
    kind: Kind
    made: Made

    @property
    def key(self) -> str:
        """What tells it from others that are made with it."""
        return f"{self.kind} {self.csm.id}"

    @property
    def until(self) -> datetime:
        """What is due before then is to be done: by the end of the day, or of the week."""
        ends = self.made.day + timedelta(days=1 if self.kind == "day" else 7 - self.made.day.weekday())
        return datetime.combine(ends, time(), ZoneInfo(self.csm.hours.time_zone)).astimezone(UTC)

    @property
    def ahead(self) -> datetime:
        """Renewals before then are told of."""
        return self.made.at + _AHEAD[self.kind]


class Held(NamedTuple):
    """An item, with how its account stands."""

    item: Item
    stands: Standing


class Load(NamedTuple):
    """How much somebody has open."""

    tasks: int = 0
    overdue: int = 0
    unseen: int = 0


NO_LOAD: Final = Load()


class Seen(msgspec.Struct):
    """What was read for one digest; of each list the first, and how many there are."""

    today: list[Held] = []
    alerts: list[Held] = []
    closed: list[Held] = []
    turned: list[Standing] = []
    renewals: list[Standing] = []
    worst: list[Standing] = []
    handed: list[Handed] = []
    numbers: dict[Part, int] = {}
    overdue: int = 0


def digest(
    asked: Asked,
    seen: Seen,
    team: Mapping[str, Load],
    directory: Directory,
    rates: Mapping[str, Fraction],
) -> ActionRequested | None:
    """Somebody's digest, with how much each of `team`, by id, has open; None where there is nothing to say."""
    now, people = asked.made.at, _team(team, directory, asked.made.at)
    numbers = {part: number for part, number in seen.numbers.items() if number}
    acted = [one for one in seen.closed if _is_theirs(one.item, asked.csm, directory)]
    told = {one.item.action_id for one in seen.today}
    alerts = [one for one in seen.alerts if one.item.action_id not in told]
    numbers |= {"closed": len(acted), "alert": numbers.get("alert", 0) - (len(seen.alerts) - len(alerts))}
    lines = [
        *(_todo(one) for one in seen.today[: MOST["today"]]),
        *(_alert(one) for one in sorted(alerts, key=_how_bad)[: MOST["alert"]]),
        *(_turned(one) for one in _worst_first(seen.turned, rates)[: MOST["turned"]]),
        *(_renewal(one) for one in seen.renewals[: MOST["renewal"]]),
        *(_closed(one) for one in acted[: MOST["closed"]]),
        *(_worst(one, directory) for one in _worst_first(seen.worst, rates)[: MOST["worst"]]),
    ]
    day = DayCard(
        weekly=asked.kind == "week",
        since=asked.made.since,
        lines=lines,
        numbers={part: number for part, number in numbers.items() if number > 0},
        overdue=seen.overdue,
        outcomes=dict(Counter(one.item.state for one in acted).most_common()),
        handed=seen.handed[:MOST_HANDED],
        team=people[:MOST_PEOPLE],
        people=len(team),
    )
    if not _says_anything(day, now):
        return None
    title = _TITLES[asked.kind]
    return ActionRequested(
        action_id=_id(asked),
        kind="digest",
        playbook=_NAMED,
        playbook_title=title,
        episode_id="",
        step=0,
        recipient=asked.csm.recipient,
        severity="info",
        title=title,
        # It is about no account in particular.
        account=AccountCard(id=COMPANY, name=""),
        day=day,
        not_before=now,
    )


def _says_anything(day: DayCard, now: datetime) -> bool:
    """Is it worth a message? That a contract renews in some weeks alone is not, but in a week's."""
    if day.handed or day.numbers.keys() - {"renewal", "worst"}:
        return True
    if any(one.overdue or one.unseen for one in day.team):
        return True
    soon = now + (_SOON if not day.weekly else _AHEAD["week"])
    return any(one.renews_at is not None and one.renews_at < soon for one in day.lines if one.part == "renewal")


def _todo(held: Held) -> DayLine:
    said, at = held.item.request, card(held.stands)
    title = said.task.title if said.task is not None else said.title
    return _line("today", held, title=title, contact=said.to_call[1] or at.contact or "", due_at=held.item.due_at)


def _alert(held: Held) -> DayLine:
    return _line("alert", held, title=held.item.request.title)


def _closed(held: Held) -> DayLine:
    item, said = held.item, held.item.request
    title = said.task.title if said.task is not None else said.title
    line = _line("closed", held, title=title, note=item.note, state=item.state)
    if item.amount_minor is None:
        return line
    return msgspec.structs.replace(line, mrr_minor=item.amount_minor, currency=item.currency)


def _line(part: Part, held: Held, **said: Any) -> DayLine:
    item = held.item
    state = said.pop("state", item.state)
    own = {"item_id": item.id, "kind": item.kind, "severity": item.request.severity, "state": state}
    return msgspec.structs.replace(_glance(part, held.stands), **own, **said)


def _glance(part: Part, stands: Standing) -> DayLine:
    at = card(stands)
    return DayLine(
        part=part,
        account_id=at.id,
        account=at.name,
        mrr_minor=at.mrr_minor,
        currency=at.currency,
        score=at.score,
        band=at.band,
        renews_at=at.renews_at if part == "renewal" else None,
    )


def _turned(stands: Standing) -> DayLine:
    before = stands.turned.before if stands.turned is not None else ""
    why = next((one.reason for one in stands.drivers if one.points), "") or next(iter(stands.low), "")
    return msgspec.structs.replace(_glance("turned", stands), band_before=before, title=why)


def _renewal(stands: Standing) -> DayLine:
    contact = card(stands).contact or ""
    return msgspec.structs.replace(_glance("renewal", stands), contact=contact)


def _worst(stands: Standing, directory: Directory) -> DayLine:
    owner = card(stands).owner
    person = directory.owner(owner)
    low = next(iter(stands.low), "")
    name = person.name if person is not None else owner or ""
    return msgspec.structs.replace(_glance("worst", stands), title=low, whose=name)


def _worst_first(some: Iterable[Standing], rates: Mapping[str, Fraction]) -> list[Standing]:
    """Those that are red, then by what they are worth."""

    def rank(one: Standing) -> tuple[Any, ...]:
        at = card(one)
        worth = value_of(at.mrr_minor, at.currency or "", rates) if at.mrr_minor is not None else 0
        return at.band != "red", at.band == "green", -worth, one.account

    return sorted(some, key=rank)


def _how_bad(held: Held) -> tuple[Any, ...]:
    said = held.item.request
    return -SEVERITIES.index(said.severity), -(card(held.stands).mrr_minor or 0), held.item.opened_at, held.item.id


def _is_theirs(item: Item, csm: Csm, directory: Directory) -> bool:
    """Did they close it themselves?"""
    if item.closed_by is None or item.closed_by in BY_ITSELF:
        return False
    return (directory.find(item.closed_by) or csm).id == csm.id


def _team(team: Mapping[str, Load], directory: Directory, now: datetime) -> list[PersonLine]:
    """Who has most overdue, or alerts that nobody has seen, in front; who has nothing open is not named."""
    people = ((directory.find(id), load) for id, load in team.items())
    lines = [
        PersonLine(name=one.name, **load._asdict(), until=one.back_at(now))
        for one, load in people
        if one is not None and any(load)
    ]
    return sorted(lines, key=lambda one: (-one.overdue - one.unseen, -one.tasks, one.name))


def led(directory: Directory) -> dict[str, list[Csm]]:
    """Everybody's people: those whose manager they are, or their manager's, and so on; who leads nobody is left out."""
    found = dict[str, list[Csm]]()
    for one in directory.csms:
        for above in directory.managers(one):
            found.setdefault(above.id, []).append(one)
    return found


def owners(written: Sequence[str], directory: Directory) -> dict[str, list[str]]:
    """By which names accounts call each of these people, of all names that they call owners by."""
    found = dict[str, list[str]]()
    for name in written:
        if (person := directory.owner(name)) is not None:
            found.setdefault(person.id, []).append(name)
    return found


def _id(asked: Asked) -> str:
    """One a person, kind and day."""
    what = f"{asked.kind}\x1f{asked.csm.id}\x1f{asked.made.day}"
    return "act_" + hashlib.sha256(f"digest\x1f{what}".encode()).hexdigest()[:32]
