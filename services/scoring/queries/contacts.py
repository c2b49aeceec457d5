"""What the HTTP edge reads of the states of many accounts: their people and their subscriptions."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core import packing
from services.scoring.core import state as s
from services.scoring.core.clock import date_of
from services.scoring.queries.over import Over
from shared.pg import bulk

_a, _n, _u = t.accounts.c, t.answers.c, t.users.c
_CHUNK: Final = 100
_MOST_LOOKED: Final = 400
"""So many accounts are looked at for one page: it may be short where few have what is asked for."""


class Of(NamedTuple):
    """One thing of an account's state."""

    account_id: str
    account_name: str | None
    id: str
    what: Any


Things = Callable[[s.State], Iterable[tuple[str, Any]]]
"""What an account has, by its id."""


async def of_states(
    c: AsyncConnection,
    of: str | Over,
    things: Things,
    after: tuple[str, str | None] | None,
    most: int,
    *but: ColumnElement[bool],
) -> tuple[list[Of], tuple[str, str | None] | None]:
    """Things of an account's state, or of all accounts', by id; and behind which the next page begins, if one does.

    Over all only accounts are looked at of which `but` holds.
    """
    found: list[Of] = []
    account, beyond = after or ("", None)
    looked = 0
    while True:
        query = select(_a.id, _a.name, _a.state).order_by(_a.id).limit(_CHUNK)
        query = (
            query.where(_a.id == of)
            if isinstance(of, str)
            else query.where(*of.where(), *but, _begins(account, beyond))
        )
        rows = (await c.execute(query)).all()
        for id, name, packed in rows:
            behind = beyond if id == account else None
            for key, what in sorted(things(packing.decode(packed)), key=lambda one: one[0]):
                if behind is None or key > behind:
                    if len(found) == most:
                        return found, (found[-1].account_id, found[-1].id)
                    found.append(Of(id, name, key, what))
            account, beyond = id, None
        looked += len(rows)
        if isinstance(of, str) or len(rows) < _CHUNK:
            return found, None
        if looked >= _MOST_LOOKED:
            return found, (account, None)


def _begins(account: str, beyond: str | None) -> Any:
    return _a.id >= account if beyond is not None else _a.id > account


_KNOWN: Final = select(_a.id, _a.state).where(bulk.among(_a.id, "accounts"))


async def named(
    c: AsyncConnection, people: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str | None, str | None]]:
    """What contacts are called, and their main role, by account and contact, as far as that is known."""
    asked = set(people)
    if not asked:
        return {}
    rows = await c.execute(_KNOWN, {"accounts": sorted({account for account, _ in asked})})
    known = {id: packing.decode(packed) for id, packed in rows}
    return {
        (id, contact): (known[id].name_of(contact), known[id].role_of(contact)) for id, contact in asked if id in known
    }


_answered = bulk.given(_n.account_id, _n.contact_id)
_ANSWERS: Final = (
    select(_n.account_id, _n.contact_id, _n.kind, _n.score, _n.at, _n.comment, _n.touchpoint, _n.survey_kind)
    .join(_answered, and_(_n.account_id == _answered.c.account_id, _n.contact_id == _answered.c.contact_id))
    .ext(distinct_on(_n.account_id, _n.contact_id, _n.kind))
    .order_by(_n.account_id, _n.contact_id, _n.kind, _n.at.desc(), _n.source.desc(), _n.id.desc())
)
_used = bulk.given(_u.account_id, _u.user_id)
_SEEN: Final = select(t.users).join(_used, and_(_u.account_id == _used.c.account_id, _u.user_id == _used.c.user_id))


async def latest_answers(
    c: AsyncConnection, people: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """What contacts answered last, by account and contact, and by kind."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    if people:
        for row in await c.execute(_ANSWERS, bulk.arrays(("account_id", "contact_id"), people)):
            account, contact, kind, *_ = row
            found.setdefault((account, contact), {})[kind] = row._asdict()
    return found


async def last_seen(c: AsyncConnection, users: Sequence[tuple[str, str]]) -> dict[tuple[str, str], date]:
    """On which day users were last active, by account and user id; of a year ago nothing is known."""
    if not users:
        return {}
    rows = await c.execute(_SEEN, bulk.arrays(("account_id", "user_id"), users))
    return {(account, user): date_of(day) for account, user, day in rows}
