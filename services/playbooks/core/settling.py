"""When all have passed: what ended closes its items, what was asked for is given to somebody, and what waits to be sent
says how things are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from services.playbooks.core import flow, outbound
from services.playbooks.core.assignment import Load
from services.playbooks.core.episode import StepResult
from services.playbooks.core.episodes import Ending
from services.playbooks.core.giving import candidates_for, give
from services.playbooks.core.item import MOVES, OPEN, Desk, Item, desk_of
from services.playbooks.core.message import Errand
from services.playbooks.core.restating import APART, as_now, says_otherwise, trouble_since
from services.playbooks.core.work import Work


def meant(work: Work) -> list[str]:
    """The accounts of which something that is open may have to be closed, or joined by what is asked for."""
    asked = {one.visit.stands.account for one in work.errands}
    ended = {one.account for one in work.ended.values()}
    return sorted({*work.gone, *work.left, *work.looked_at, *ended, *asked, *work.moved_on})


def weighs_books(work: Work) -> bool:
    """Does anything that is asked for go to whoever has the fewest accounts, or the least revenue?"""
    steps = (one.playbook.every_step[one.ask.step] for one in work.errands)
    return any(rule.weighs_books for step in steps for rule in step.assign)


def people(work: Work) -> list[str]:
    """The ids of those whose load `carry_out` needs."""
    ids = {id for errand in work.errands for id in candidates_for(errand, work.rules.directory)}
    ids |= {id for id, _ in work.changes.loads}
    return sorted(id for id in ids if work.rules.directory.find(id) is not None or id in work.former)


def close(work: Work, items: Sequence[Item]) -> None:
    """Close what nothing wants any more; of an account that has gone, everything. What its episode has asked for before
    it ended joins it first, and they close together."""
    work.changes.beside.meet(items)
    _close_all(work, items, {one.ask.episode for one in work.errands if one.ask.step < len(one.playbook.steps)})


def _close_all(work: Work, items: Iterable[Item], asking: Collection[str] = ()) -> None:
    # Alerts first: with their task open, their message is still wanted.
    for stored in sorted(items, key=lambda one: one.kind):
        item = work.changes.items.get(stored.id, stored)
        if item.state not in OPEN:
            continue
        if (gone := work.gone.get(item.account_id)) is not None:
            if (item.state, "close") in MOVES[item.kind] and item.opened_at <= gone.at:
                _close(work, item, gone)
        elif item.is_by_hand and (left := work.left.get(item.account_id)) is not None:
            _outlive(work, item, left)
        elif any(one in asking for one in item.feeders):
            continue
        elif ended := {one: work.ended[one] for one in item.feeders if one in work.ended}:
            # Of several, the one that its words are of.
            _outlive(work, item, ended.get(item.request.episode_id, list(ended.values())[-1]))


def _outlive(work: Work, item: Item, ended: Ending) -> None:
    """An episode that fed the item has ended. With the last of them it closes, unless somebody is owed it, or took
    it up; a flag of which somebody has heard, which is an offer, ends only when the customer left."""
    feeders = tuple(one for one in item.feeders if one not in work.ended)
    item = item._replace(feeders=feeders)
    offered = item.kind == "flag" and (item.touched or item.delivery not in ("", "cancelled"))
    if feeders or ((item.keep or offered) and not ended.departed):
        work.changes.items[item.id] = item
    elif item.touched or (item.state, "close") not in MOVES[item.kind]:
        work.changes.outlast(item, ended.reason, ended.at)
    else:
        _close(work, item, ended)


def _close(work: Work, item: Item, ended: Ending) -> None:
    if ended.is_news:
        item = item._replace(over_since=ended.at, over_because=ended.reason)
    work.changes.close(item, "close", ended.reason, ended.actor, ended.at)


def carry_out(work: Work, loads: Mapping[str, Load]) -> dict[str, Load]:
    """Give what was asked for to somebody, in order. Returns what `people` then have on the desk."""
    known = dict(loads)
    _apply(work, known)
    desks: defaultdict[str, defaultdict[Desk, dict[str, Item]]] = defaultdict(lambda: defaultdict(dict))
    for item in (work.changes.beside | work.changes.items).values():
        if item.state in OPEN:
            desks[item.account_id][desk_of(item)][item.id] = item
    for _, firing in groupby(work.errands, lambda one: (one.ask.episode, one.ask.occurrence, one.visit.look.now)):
        errands = list(firing)
        _close_before(work, errands[0])
        given = [one for one in errands if one.ask.kind not in outbound.OUTBOUND]
        for errand in errands:
            if errand.ask.kind in outbound.OUTBOUND:
                outbound.carry_out(errand, work.changes, known, work.rules)
                if (ended := work.ended.get(errand.ask.episode)) is not None:
                    work.changes.call_back(ended.account, [errand.ask.id], ended.reason, ended.at)
        if given:
            give(given, work.changes, known, work.rules, desks[errands[0].visit.stands.account])
    # What was asked for and ended in one transaction ends as it would in two.
    _close_all(work, list((work.changes.beside | work.changes.items).values()))
    _apply(work, known)
    work.changes.restate()
    for item in (work.changes.beside | work.changes.items).values():
        if item.account_id in work.looked_at and item.state in OPEN and not item.delivery:
            stands = work.standings[item.account_id]
            trouble = trouble_since(item.request, stands) if item.kind == "flag" else None
            if trouble is not None and not item.touched:
                _take_back(work, item, trouble)
            else:
                _restate(work, item)
    work.changes.restate()
    return known


def _restate(work: Work, item: Item) -> None:
    """Say it anew, with what else is in its message, if it says otherwise by now and was not said a moment ago."""
    changes, stands = work.changes, work.standings[item.account_id]
    if item.action_id in changes.told or item.over_since is not None:
        return
    if not says_otherwise(item.request, work.episodes.fed_by(item), stands):
        return
    # What was said by a clock that was ahead keeps nothing from being said.
    if item.said_at is not None and item.said_at <= stands.at and (free := item.said_at + APART) > stands.at:
        changes.set_timer(item.account_id, free)
        return
    for one in (*changes.told_with(item), item):
        said = as_now(one.request, work.episodes.fed_by(one), stands, work.rules.render)
        changes.items[one.id] = one._replace(request=said, said_at=stands.at)
    changes.say_anew(item, stands.at)


def _take_back(work: Work, flag: Item, trouble: str) -> None:
    """Never sell to the angry: a flag that nobody has heard of is asked for again when the trouble is over."""
    changes, now = work.changes, work.standings[flag.account_id].at
    changes.close(flag, "close", f"held back: {trouble}", "keepwell", now)
    for playbook, episode in work.episodes.fed_by(flag):
        steps = [place for place, one in enumerate(playbook.steps) if one.kind == "flag"]
        step = flag.request.step if episode.id == flag.request.episode_id else steps[0]
        if (taken := flow.take_back(episode, step, trouble, now)) is not None:
            changes.set_timer(flag.account_id, taken[0].planned[-1].until)
            work.episodes.keep(StepResult(episode=taken[0], moves=(taken[1],)))


def _close_before(work: Work, errand: Errand) -> None:
    """Close what was asked for and ended in this transaction before it: as in two, nothing joins that any more."""
    account, now = errand.visit.stands.account, errand.visit.look.now
    ended = [
        item
        for item in work.changes.at(account)
        if any(id in work.ended and work.ended[id].at <= now for id in item.feeders)
    ]
    _close_all(work, ended, {errand.ask.episode})


def _apply(work: Work, loads: dict[str, Load]) -> None:
    for id, number in work.changes.loads:
        if id in loads:
            loads[id] = loads[id]._replace(open_tasks=max(0, loads[id].open_tasks + number))
    work.changes.loads.clear()
