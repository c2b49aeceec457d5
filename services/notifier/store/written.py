"""To whom letters went, and which addresses bounced, by a digest of the address: no address stands here."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.contacts import Cells, text_of
from services.notifier.core.retry import CLOCKS_APART
from shared.addresses import read_address
from shared.messages.erasing import Forgetting, digest_of
from shared.pg import bulk

_n, _w, _b, _d = t.contacts.c, t.written_to.c, t.bounces.c, t.deliveries.c
_PEOPLE: Final = select(_n.account_id, _n.contact_id, _n.cells).where(bulk.among(_n.account_id, "accounts"), ~_n.erased)
_wanted = bulk.given(_n.account_id, _n.contact_id).c
_SOME: Final = select(_n.account_id, _n.contact_id, _n.cells).where(
    _n.account_id == _wanted.account_id, _n.contact_id == _wanted.contact_id, ~_n.erased
)
_SHARING: Final = select(_n.address, _n.cells).where(bulk.among(_n.address, "addresses"), ~_n.erased)
_BOUNCED: Final = select(_b.address, _b.at, _b.reason).where(bulk.among(_b.address, "addresses"))
_COUNT: Final = (
    select(_w.address, func.count().label("letters"))
    .where(bulk.among(_w.address, "addresses"), _w.at > bindparam("since", type_=_w.at.type))
    # What a clock ahead has written would count for longer than a week.
    .where(_w.at <= bindparam("until", type_=_w.at.type))
    .where(_w.delivery_id.not_in(select(bulk.given(_w.delivery_id).c.delivery_id)))
    .group_by(_w.address)
)
_RESERVE: Final = bulk.Insert(t.written_to, ("delivery_id", "address"), same=("at",), update=("address", "at"))
_RELEASE: Final = bulk.Delete(t.written_to, ("delivery_id",))
_MARK: Final = bulk.Insert(
    t.bounces, ("address", "account_id", "contact_id", "reason"), same=("at",), update=("at", "reason")
)
_UNMARK: Final = bulk.Delete(t.bounces, ("address",))
_is_theirs = and_(
    _d.account_id == bindparam("account"),
    _d.transport == bulk.word("contact"),
    or_(bindparam("whole"), _d.contact_id == bindparam("contact")),
)
_FORGET: Final = delete(t.written_to).where(_w.delivery_id.in_(select(_d.id).where(_is_theirs)))
_FORGET_BOUNCES: Final = delete(t.bounces).where(
    _b.account_id == bindparam("account"), or_(bindparam("whole"), _b.contact_id == bindparam("contact"))
)


def digest(address: str) -> str:
    """What is kept of an address, however it is written; nothing, where it is none."""
    try:
        return digest_of(read_address(address).spec.casefold())
    except ValueError:
        return ""


class Bounce(NamedTuple):
    """That there is no such address, as a mail server says."""

    at: datetime
    reason: str


async def people(c: AsyncConnection, accounts: Collection[str]) -> dict[str, dict[str, Cells]]:
    """The people of these accounts, by account and id."""
    return _by_account((await c.execute(_PEOPLE, {"accounts": sorted(accounts)})).all() if accounts else ())


async def persons(c: AsyncConnection, keys: Collection[tuple[str, str]]) -> dict[str, dict[str, Cells]]:
    """These persons, by account and id."""
    given = bulk.arrays(("account_id", "contact_id"), sorted(keys))
    return _by_account((await c.execute(_SOME, given)).all() if keys else ())


async def sharing(c: AsyncConnection, addresses: Collection[str]) -> dict[str, list[Cells]]:
    """All who are known by these addresses, whatever the account: as a rule one person."""
    found: dict[str, list[Cells]] = {}
    for address, cells in await c.execute(_SHARING, {"addresses": sorted(addresses)}) if addresses else ():
        found.setdefault(address, []).append(cells)
    return found


def _by_account(rows: Iterable[Any]) -> dict[str, dict[str, Cells]]:
    found: dict[str, dict[str, Cells]] = {}
    for account, contact, cells in rows:
        found.setdefault(account, {})[contact] = cells
    return found


async def bounced(c: AsyncConnection, addresses: Collection[str]) -> dict[str, Bounce]:
    """Which of these addresses there are not."""
    if not addresses:
        return {}
    rows = await c.execute(_BOUNCED, {"addresses": sorted(addresses)})
    return {address: Bounce(at, reason) for address, at, reason in rows}


async def bounces_of(c: AsyncConnection, people: Mapping[str, Cells]) -> dict[str, Bounce]:
    """Of these, by whatever they are called here, those whose address there is not."""
    digests = {id: digest(text_of(cells, "email") or "") for id, cells in people.items()}
    found = await bounced(c, {one for one in digests.values() if one})
    return {id: found[one] for id, one in digests.items() if one in found}


async def count(
    c: AsyncConnection, addresses: Collection[str], within: timedelta, now: datetime, but: Collection[str]
) -> dict[str, int]:
    """How often these addresses were written to within so long, not counting these deliveries."""
    if not addresses:
        return {}
    given = bulk.arrays(("delivery_id",), ((id,) for id in sorted(but)))
    span = {"addresses": sorted(addresses), "since": now - within, "until": now + CLOCKS_APART}
    rows = await c.execute(_COUNT, {**span, **given})
    return {row.address: row.letters for row in rows}


async def reserve(c: AsyncConnection, letters: Mapping[str, str], now: datetime) -> None:
    """Count these deliveries, by their addresses, from now on."""
    await _RESERVE(c, letters.items(), at=now)


async def release(c: AsyncConnection, deliveries: Iterable[str]) -> None:
    """Count these no more: they never arrived."""
    await _RELEASE(c, [(id,) for id in sorted(deliveries)])


async def mark(c: AsyncConnection, found: Collection[tuple[str, str, str, str]], now: datetime) -> None:
    """Keep that there are no such addresses: each with its account and contact, and the reason."""
    await _MARK(c, list({one[0]: one for one in found}.values()), at=now)


async def forget(c: AsyncConnection, forgetting: Forgetting) -> None:
    """Forget to whom of these letters went, and what bounced. Before their deliveries lose whom they were to."""
    theirs = {"account": forgetting.account, "contact": forgetting.contact_id, "whole": forgetting.whole}
    await c.execute(_FORGET, theirs)
    await c.execute(_FORGET_BOUNCES, theirs)
    await _UNMARK(c, [(one,) for one in sorted({digest(text) for text in forgetting.texts if "@" in text})])
