"""What moved because somebody is away or gone, an account has another owner, or a book was handed over: their manager
hears of all of it once, in one list of what moved and to whom."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from services.playbooks.core.assignment import When, first_there
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.item import Item
from services.playbooks.core.workinghours import bring_at, later
from shared.messages.actions import ActionRequested
from shared.words import counted, listed

_WAIT: Final = timedelta(minutes=1)
"""After the last that moved: the accounts lie in all partitions."""
_MOST_LINES: Final = 500
_NAMED: Final = "people"


class MovedItem(NamedTuple):
    """Something that moved; the table's columns are made of these fields."""

    list_id: str
    item_id: str
    whose: str
    """The id of whoever had it."""
    to: str
    """The id of whoever got it, or the channel; empty is the installation's own."""
    why: str
    at: datetime


def list_when_away(whose: Csm, until: date) -> str:
    """One list an absence."""
    return f"away {whose.id} {until}"


def list_when_gone(whose: Csm) -> str:
    """One list a person who left."""
    return f"gone {whose.id}"


def list_when_owned(before: Csm, now: datetime) -> str:
    """One list a former owner and day."""
    return f"owner {before.id} {now.date()}"


def list_by_hand(whose: Csm, at: datetime) -> str:
    """One list a request."""
    return f"hand {whose.id} {at.isoformat()}"


def list_due(last: datetime) -> datetime:
    """When a list is sent of which the last moved then."""
    return last + _WAIT


def list_of(
    rows: Iterable[tuple[MovedItem, Item]], directory: Directory, former: Mapping[str, Csm], at: datetime
) -> ActionRequested | None:
    """The list for whoever answers for the person whose work moved; without what they got themselves, of which they
    have heard. None where nothing is left to tell."""
    found = list(rows)
    if not found:
        return None
    id = found[0][0].whose
    whose = directory.find(id) or former.get(id) or Csm(id=id, name=id)
    to, channel = _hears(directory, whose, at)
    lines = [(moved, item) for moved, item in found if to is None or moved.to != to.id]
    if not lines:
        return None
    number = counted(len(lines), "piece of work", "pieces of work")
    whys = dict.fromkeys(moved.why for moved, _ in lines)
    why = next(iter(whys)) if len(whys) == 1 else listed(list(whys), most=3)
    goes = later(to.hours if to is not None else directory.office, "high", at)
    return ActionRequested(
        action_id=_id(lines),
        kind="digest",
        playbook=_NAMED,
        playbook_title=f"Work of {whose.name}",
        episode_id="",
        step=0,
        recipient=to.recipient if to is not None else None,
        channel=channel,
        severity="medium",
        title=f"{number} of {whose.name} moved: {why}",
        why=[f"{name}: {number}" for name, number in _shares(lines, directory)],
        do="See that they can take it; `keepwell people` shows who has how much.",
        account=lines[0][1].request.account,
        found=[_line(moved, item, directory) for moved, item in lines[:_MOST_LINES]],
        not_before=goes,
    )


def _hears(directory: Directory, whose: Csm, at: datetime) -> tuple[Csm | None, str | None]:
    """Their manager or the next above who is there, else the lead, else the last resort."""
    when = When(at, lambda csm: bring_at(csm.hours, "high", at))
    if (manager := first_there(directory.managers(whose), when)) is not None:
        return manager, None
    for role in ("lead", "last_resort"):
        place = directory.role(role)
        if isinstance(place, str):
            return None, place
        if place is not None and place.id != whose.id and (first_there(iter((place,)), when) or role == "last_resort"):
            return place, None
    return None, None


def _line(moved: MovedItem, item: Item, directory: Directory) -> dict[str, object]:
    account = item.request.account
    return {
        "item_id": item.id,
        "account_id": account.id,
        "account_name": account.name,
        "playbook_title": item.request.title,
        "why": f"to {_called(moved.to, directory)}",
        "mrr_minor": account.mrr_minor,
        "currency": account.currency,
    }


def _shares(lines: Sequence[tuple[MovedItem, Item]], directory: Directory) -> list[tuple[str, int]]:
    return Counter(_called(moved.to, directory) for moved, _ in lines).most_common()


def _called(to: str, directory: Directory) -> str:
    person = directory.find(to)
    return person.name if person is not None else to or "the last resort"


def _id(lines: Sequence[tuple[MovedItem, Item]]) -> str:
    what = "\x1f".join((lines[0][0].list_id, *sorted(f"{moved.item_id} {moved.at.isoformat()}" for moved, _ in lines)))
    return "act_" + hashlib.sha256(f"moved\x1f{what}".encode()).hexdigest()[:32]
