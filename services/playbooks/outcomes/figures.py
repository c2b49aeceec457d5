"""What playbooks came to, as it was noted: counts, times, money. Works in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.effect import WITHIN, Contract, Episode, Share, Times, kept, times

_e, _f, _i, _o, _s = t.episodes.c, t.firings.c, t.items.c, t.outcomes.c, t.sendings.c
_number: Final = func.count()
_at_risk: Final = or_(_f.band == "red", _f.leaving)
_told: Final = ~_f.shadow & ~_f.held_out
"""Of which somebody was asked for something."""
ENDS: Final = ("itself", "done", "false_alarm", "outside", "left")


class Span(NamedTuple):
    """From an instant, before another."""

    since: datetime
    until: datetime

    def holds(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Is that within it?"""
        return (column >= self.since) & (column < self.until)


async def fired(c: AsyncConnection, span: Span, playbook: str | None) -> dict[str, dict[str, Any]]:
    """By playbook: how often it fired, how that ended, and how long it took until somebody did something about it."""
    took = _took(_f.touched_at, _f.fired_at, _told)
    asked = select(
        _f.playbook,
        _number.filter(_told).label("fired"),
        _number.filter(_f.shadow).label("shadow"),
        _number.filter(_f.held_out & ~_f.shadow).label("held_out"),
        _number.filter(_told, _f.ended_as == "").label("running"),
        *(_number.filter(_told, _f.ended_as == name).label(name) for name in ENDS),
        *took,
    )
    rows = await c.execute(_of(asked, _f.playbook, playbook).where(span.holds(_f.fired_at)).group_by(_f.playbook))
    found = {row.playbook: row._asdict() for row in rows}
    so = _of(select(_e.playbook, _number.label("found")), _e.playbook, playbook)
    so = so.where(_e.state == "found", span.holds(_e.opened_at)).group_by(_e.playbook)
    for row in await c.execute(so):
        found.setdefault(row.playbook, {})["found"] = row.found
    return found


def _took(later: ColumnElement[Any], earlier: ColumnElement[Any], *where: ColumnElement[bool]) -> list[Any]:
    """How often, the median and the 90th percentile of the seconds between two instants."""
    # A clock may have run ahead.
    seconds = func.greatest(extract("epoch", later - earlier), 0)
    is_known = (later.is_not(None), *where)
    return [
        _number.filter(*is_known).label("n"),
        func.percentile_cont(0.5).within_group(seconds).filter(*is_known).label("median"),
        func.percentile_cont(0.9).within_group(seconds).filter(*is_known).label("most"),
    ]


def times_in(row: Mapping[str, Any]) -> Times:
    """Those of a row that `fired` found."""
    return times(row.get("n", 0), row.get("median"), row.get("most"))


def _of(asked: Select[Any], column: ColumnElement[Any], playbook: str | None) -> Select[Any]:
    # What somebody wrote by hand is of no playbook.
    return asked.where(column != "") if playbook is None else asked.where(column == playbook)


async def worked(c: AsyncConnection, span: Span, playbook: str | None) -> dict[str, dict[str, Any]]:
    """By playbook: what it asked people for, by kind and state; what was won; and what became of the messages."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"items": {}, "won": [], "messages": {}})
    amount = func.sum(_i.amount_minor).label("amount_minor")
    asked = select(_i.playbook, _i.kind, _i.state, _i.currency, _number.label("number"), amount)
    asked = _of(asked, _i.playbook, playbook).where(span.holds(_i.opened_at))
    won = defaultdict[tuple[str, str], int](int)
    for row in await c.execute(asked.group_by(_i.playbook, _i.kind, _i.state, _i.currency)):
        one = found[row.playbook]
        _add(one["items"].setdefault(row.kind, {}), row.state, row.number)
        if row.state == "won" and row.amount_minor is not None:
            won[row.playbook, row.currency] += int(row.amount_minor)
    for (id, currency), minor in sorted(won.items()):
        found[id]["won"].append({"currency": currency, "amount_minor": minor})
    # An alert and a task that go the same way are one message.
    told = select(_i.playbook, _i.delivery, func.count(_i.action_id.distinct()).label("number"))
    told = _of(told, _i.playbook, playbook).where(span.holds(_i.opened_at)).group_by(_i.playbook, _i.delivery)
    for row in await c.execute(told):
        _add(found[row.playbook]["messages"], row.delivery, row.number)
    sent = _of(select(_s.playbook, _s.delivery, _number.label("number")), _s.playbook, playbook)
    for row in await c.execute(sent.where(span.holds(_s.at)).group_by(_s.playbook, _s.delivery)):
        _add(found[row.playbook]["messages"], row.delivery, row.number)
    return dict(found)


def _add(counts: dict[str, int], name: str, number: int) -> None:
    counts[name] = counts.get(name, 0) + number


async def closed(c: AsyncConnection, span: Span, playbook: str) -> Times:
    """How long it took people to close what one playbook asked them for."""
    took = _took(_i.closed_at, _i.opened_at, _i.touched_at.is_not(None))
    row = (await c.execute(select(*took).where(_i.playbook == playbook, span.holds(_i.opened_at)))).one()
    return times_in(row._asdict())


async def shares(c: AsyncConnection, span: Span, playbook: str | None = None, by: Iterable[str] = ()) -> list[Share]:
    """What was kept by firings of this span, of one playbook or all, and only where one of these people (by any of
    their names) was the first to do something. All that helped to keep a contract share it, whoever is asked about."""
    names = {one.lower() for one in by}
    mine = (
        _f.playbook == playbook if playbook is not None else None,
        func.lower(_f.touched_by).in_(names) if names else None,
    )
    wanted = [span.holds(_f.fired_at), _f.touched_at.is_not(None), *(one for one in mine if one is not None)]
    accounts = select(_f.account_id).where(*wanted)
    together = (_f.fired_at <= _o.at) & (_o.at <= _f.fired_at + WITHIN)
    asked = select(
        *(_o[name] for name in Contract._fields),
        *(_f[name] for name in ("episode_id", "playbook", "fired_at", "touched_at", "touched_by", "ended_at")),
        _f.ended_as,
        _at_risk.label("at_risk"),
    ).join_from(t.outcomes, t.firings, (_f.account_id == _o.account_id) & together)
    asked = asked.where(
        *(_o.kind == "renewed", _o.stands, _o.currency.is_not(None)),
        *(_o.before_minor.is_not(None), _o.after_minor.is_not(None)),
        *(_f.touched_at.is_not(None), _told, _o.account_id.in_(accounts)),
        # What can't count needn't be read; `helped` has the rule.
        *(_at_risk, _f.touched_at <= _o.at),
    )
    pairs = [
        (
            Episode(
                *(row.episode_id, row.account_id, row.playbook, row.fired_at, row.at_risk, row.touched_at),
                *(row.touched_by, row.ended_at, row.ended_as),
            ),
            Contract(*row[: len(Contract._fields)]),
        )
        for row in await c.execute(asked)
    ]
    return [
        one
        for one in kept(pairs)
        if span.since <= one.episode.fired_at < span.until
        and (playbook is None or one.episode.playbook == playbook)
        and (not names or (one.episode.touched_by or "").lower() in names)
    ]
