"""What is open and has to change hands though nobody gives it away: it lies with nobody, with somebody who is away for
longer or gone, or with whoever was the owner before.

Of who is away or gone it moves by the directory's rules about them, then by the list of its own step. What that moved
and nobody has touched comes back with them: it is of their customers, and nobody has begun; what somebody took, noted
or snoozed since stays where it is. So a name that was taken out of the directory by mistake costs nothing either.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from services.playbooks.core.assignment import Assignment, Load, When, assign, back_at, candidates, why_absent
from services.playbooks.core.directory import Csm
from services.playbooks.core.handover import hand_over, held_by, merge, owner_of, rules_of, when_brought
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.moved import MovedItem, list_when_away, list_when_gone, list_when_owned
from services.playbooks.core.presence import leave_of, moves_at
from services.playbooks.core.standing import mute_of
from services.playbooks.core.strategy import Rule
from services.playbooks.core.work import Work
from shared.words import date_words

Why = Literal["nobody", "absent", "away", "gone", "owner", "back"]


_TOGETHER: Final = ("away", "gone", "owner", "back")
"""Much of one person may move for these reasons at once: whoever gets it is told in one message."""


class Seeking(NamedTuple):
    """Something that is open, and why it is to change hands."""

    item: Item
    why: Why
    whose: Csm | None = None
    """Whom it lies with; of what comes back, whom it goes to."""
    rules: tuple[Rule, ...] = ()
    """About them; they are asked before the list of its step."""
    on_list: str = ""
    """On which list their manager hears of it."""
    said: str = ""
    """Why, in words."""


def people(work: Work) -> set[str]:
    """The ids of those whose load decides who gets what is to change hands, or changes by it."""
    directory, ids = work.rules.directory, set[str]()
    for one in seeking(work):
        whose = owner_of(work, one.item)
        ids |= candidates(rules_of(work, one.item), whose, directory)
        ids |= candidates(one.rules, whose, directory, one.whose)
        ids |= {one.item.assignee} if one.item.assignee is not None else set()
        ids |= {one.whose.id} if one.whose is not None else set()
    return {id for id in ids if directory.find(id) is not None or id in work.former}


def weighs_books(work: Work) -> bool:
    """Does any of it go to whoever has the fewest accounts, or the least revenue?"""
    return any(rule.weighs_books for one in seeking(work) for rule in (*one.rules, *rules_of(work, one.item)))


def strangers(work: Work) -> list[str]:
    """Who has something here and is not in the directory (any more)."""
    directory = work.rules.directory
    items = (*work.changes.beside.values(), *work.changes.items.values())
    ids = {one.assignee for one in items if one.assignee is not None}
    return sorted(id for id in ids if directory.find(id) is None) if directory.csms else []


def seeking(work: Work) -> list[Seeking]:
    """What of the accounts at hand is to change hands, the oldest first."""
    found = (one for item in _known(work) if (one := _seeking(work, item)) is not None)
    # Of an account that is muted nobody hears: what is to move there does when that is over. What people ask for goes
    # on, and of a former owner nothing is known later.
    heard = (one for one in found if one.why == "owner" or mute_of(work.standings[one.item.account_id]) is None)
    return sorted(heard, key=lambda one: (one.item.opened_at, one.item.id))


def seat(work: Work, loads: dict[str, Load]) -> None:
    """Give it to whom the rules find now; else it waits until the first of those who are away is back."""
    directory, changes, view = work.rules.directory, work.changes, dict(loads)
    for one in seeking(work):
        item, now = changes.items.get(one.item.id, one.item), work.standings[one.item.account_id].at
        if item.state not in OPEN:
            # It became one with what came to the same desk before it.
            continue
        when = when_brought(now)._replace(due=_due(item, now))
        found = _found(work, one, view, when)
        if found.last_resort:
            changes.set_timer(item.account_id, back_at(rules_of(work, item), owner_of(work, item), directory, when))
        if (found.to is not None and found.to.id == item.assignee) or (found.last_resort and _stays(work, one)):
            continue
        if one.on_list and one.whose is not None:
            to = found.to.id if found.to is not None else found.channel or ""
            changes.list_moved(MovedItem(one.on_list, item.id, one.whose.id, to, one.said, now))
        if found.to is not None and (held := held_by(work, found.to.id, item)) is not None:
            merge(work, item, held, "keepwell", now)
            continue
        to = found.to.name if found.to is not None else found.channel or "the last resort"
        is_absent = one.why in ("away", "gone")
        stands_for = item.stands_for or item.assignee if is_absent else found.stands_for
        reason = f"given to {to}: {_because(one, found)}"
        hand_over(work, item, found, reason, "keepwell", now, stands_for=stands_for, together=one.why in _TOGETHER)
        if found.to is not None:
            _count(found.to.id, item, view, loads)


def watch(work: Work) -> None:
    """Look again when somebody who has something here is to be away for longer, gone, or back."""
    directory, seen = work.rules.directory, {one.account_id for one in work.changes.items.values()} | work.moved_on
    for item in _known(work):
        if item.account_id not in seen or item.state not in OPEN:
            continue
        now = work.standings[item.account_id].at
        holder = directory.find(item.assignee) if item.assignee is not None else None
        if holder is not None:
            at = moves_at(holder, directory.absence, item.request.severity, now)
            work.changes.set_timer(item.account_id, at)
        if item.stands_for is not None and (away := directory.find(item.stands_for)) is not None:
            work.changes.set_timer(item.account_id, away.back_at(now))


def _due(item: Item, now: datetime) -> datetime | None:
    """By when somebody has to be at work for it, as long as that lies ahead."""
    ahead = item.kind == "task" and item.due_at is not None and item.due_at > now
    return item.due_at if ahead else None


def _known(work: Work) -> Sequence[Item]:
    return [work.changes.items.get(id, one) for id, one in (work.changes.beside | work.changes.items).items()]


def _seeking(work: Work, item: Item) -> Seeking | None:
    if item.account_id not in work.moved_on or item.state not in OPEN:
        return None
    directory, stands = work.rules.directory, work.standings[item.account_id]
    now, when = stands.at, when_brought(stands.at)
    if item.stands_for is not None and item.state == "open" and not item.last_resort:
        away = directory.find(item.stands_for)
        in_time = when._replace(due=_due(item, now))
        if away is not None and not why_absent(away, in_time) and away.away_until(now) is None:
            return Seeking(item, "back", away)
    if item.assignee is not None and (gone := _gone(work, item.assignee, now)) is not None:
        said = f"{gone.name} is gone"
        return Seeking(item, "gone", gone, directory.absence.when_gone, list_when_gone(gone), said)
    holder = directory.find(item.assignee) if item.assignee is not None else None
    before = directory.owner(work.owned_before.get(item.account_id))
    if before is not None and before.id in (item.assignee, item.stands_for):
        said = f"{stands.facts.get('account.name') or item.account_id} has another owner"
        return Seeking(item, "owner", before, (Rule(),), list_when_owned(before, now), said)
    if item.id in work.to_seat:
        return Seeking(item, "absent", holder)
    if holder is not None and item.state != "snoozed" and not item.though_away:
        unread = item.not_before is not None and item.not_before > now and not item.delivery
        if unread and item.not_before is not None and why_absent(holder, When(item.not_before)):
            return Seeking(item, "absent", holder)
        leave = leave_of(holder, directory.absence, item.request.severity, now)
        if leave is not None and leave.until is not None and leave.at <= now:
            said = f"{holder.name} is away until {date_words(leave.until)}"
            on_list = list_when_away(holder, leave.until)
            return Seeking(item, "away", holder, directory.absence.when_away, on_list, said)
    return Seeking(item, "nobody") if item.last_resort and item.state == "open" else None


def _gone(work: Work, id: str, now: datetime) -> Csm | None:
    """Somebody who has left, or was taken out; an address that never was in the directory is somebody all the same."""
    directory = work.rules.directory
    if (known := directory.find(id)) is not None:
        return known if known.has_left(now) else None
    if not directory.csms or ("@" in id and id not in work.former):
        return None
    return work.former.get(id) or Csm(id=id, name=id)


def _found(work: Work, one: Seeking, loads: dict[str, Load], when: When) -> Assignment:
    if one.why == "back" and one.whose is not None:
        return Assignment(one.whose, f"{one.whose.name} is back")
    directory, item, whose = work.rules.directory, one.item, owner_of(work, one.item)
    needs_room, passed_over = item.kind == "task", tuple[str, ...]()
    if one.rules:
        about = None if one.why == "owner" else one.whose
        found = assign(one.rules, whose, directory, loads, when, needs_room=needs_room, about=about)
        if not found.last_resort or one.why == "owner":
            return found
        passed_over = found.passed_over
    found = assign(rules_of(work, item), whose, directory, loads, when, needs_room=needs_room)
    return found if not passed_over else _after(found, passed_over)


def _after(found: Assignment, passed_over: tuple[str, ...]) -> Assignment:
    """The same, with who was passed over before."""
    all_of_them = tuple(dict.fromkeys((*passed_over, *found.passed_over)))
    because = "; ".join((found.because.partition("; ")[0], *all_of_them))
    return Assignment(found.to, because, all_of_them, found.channel, found.last_resort, found.stands_for)


def _stays(work: Work, one: Seeking) -> bool:
    """Does it stay where it is though nobody was found? What the last resort has already does; what a former owner can
    go on with; and of who is away, where nobody is named as the last resort: it waits for them rather than for nobody.
    """
    is_away = one.why == "away" and work.rules.directory.role("last_resort") is None
    return one.item.last_resort or one.why == "owner" or is_away


def _because(one: Seeking, found: Assignment) -> str:
    """Why it lay where it lay, as far as that has passed, and why it goes where it goes."""
    if one.on_list:
        return f"{one.said}; {found.because}"
    passed = [each for each in one.item.passed_over if each not in found.passed_over]
    until_now = f"; until now: {', '.join(passed)}" if one.item.last_resort and passed else ""
    return f"{found.because}{until_now}"


def _count(id: str, item: Item, view: dict[str, Load], loads: dict[str, Load]) -> None:
    """Whoever got one has one more when the next is given; tasks themselves are counted where they change hands."""
    if id in loads:
        turn = max(load.turn for load in loads.values()) + 1
        view[id] = view[id]._replace(open_tasks=view[id].open_tasks + (item.kind == "task"), turn=turn)
        loads[id] = loads[id]._replace(turn=turn)
