"""What was asked of people, as their results count it. Works in the caller's transaction."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.item import OPEN
from services.playbooks.core.results import Asked
from services.playbooks.outcomes.figures import Span
from shared.pg.bulk import among, one_of

_i = t.items.c


async def asked_of(c: AsyncConnection, people: Sequence[str], span: Span) -> list[Asked]:
    """What these have open, and what they were asked for, or closed, in this time."""
    in_time = or_(one_of(_i.state, sorted(OPEN)), span.holds(_i.opened_at), span.holds(_i.closed_at))
    rows = await c.execute(
        select(*(_i[name] for name in Asked._fields)).where(among(_i.assignee, "people"), in_time),
        {"people": list(people)},
    )
    return [Asked(*row) for row in rows]


async def won_by(c: AsyncConnection, people: Sequence[str], span: Span) -> dict[str, int]:
    """What these won in this time, by currency, in minor units."""
    asked = select(_i.currency, func.sum(_i.amount_minor)).where(
        *(among(_i.assignee, "people"), _i.kind == "flag", _i.state == "won"),
        *(_i.amount_minor.is_not(None), span.holds(_i.closed_at)),
    )
    rows = await c.execute(asked.group_by(_i.currency).order_by(_i.currency), {"people": list(people)})
    return {currency: int(minor) for currency, minor in rows}


def names_of(ids: Sequence[str], emails: Sequence[str | None]) -> list[str]:
    """By what the moves of these people name them: a key names whom it is held by as it was made."""
    return sorted({*ids, *(one for one in emails if one)})
