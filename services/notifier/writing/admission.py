"""Whether letters that are leased may go: asked in the transaction that leases them.

- What somebody said of messages last is read with the lease: it counts up to the instant at which the letter is begun.
- So that it has been read at all, no letter is leased before the address book holds what was told of people while
  nobody read it here (`knows_people`). Of partitions that others read, these answer for that.
- Who wants no more messages at all may have said so at another account: that is asked by a digest of their address.
- How often they were written to within a week is counted over all accounts, by a digest of their address. Whoever
  leases letters has the transport's lock, so of two senders the second counts what the first has taken; what is taken
  is written before the letter goes, and given back when it is known not to have arrived.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.amending import TEST
from services.notifier.core.audience import UNKNOWN, WEEK, had_enough, refused_beside, why_not
from services.notifier.core.contacts import Cells, text_of
from services.notifier.core.retry import Never, Outcome
from services.notifier.core.routing import CONTACT
from services.notifier.store import written
from services.notifier.store.endings import Ending
from services.notifier.store.told import decode
from shared.addresses import read_address
from shared.words import clean


class Pass(NamedTuple):
    """What a letter's lease comes to: where it goes, or why it doesn't."""

    address: str = ""
    barred: str = ""


class Ended(NamedTuple):
    """How an attempt at a letter ended, and who it was to."""

    account_id: str
    contact_id: str
    address: str
    outcome: Outcome
    at: datetime


class Admission:
    """Lets letters pass, at most so many a week to one address, while `knows_people`: the address book is read up."""

    def __init__(self, most_a_week: int, knows_people: Callable[[], bool] = lambda: True) -> None:
        self._most = most_a_week
        self._knows_people = knows_people

    @property
    def is_open(self) -> bool:
        """Whether letters may be leased."""
        return self._knows_people()

    async def admit(self, c: AsyncConnection, leased: Sequence[Any], now: datetime) -> dict[str, Pass]:
        """By delivery, where it goes or why not; who is let pass is counted from here on."""
        found = {row.id: _known(row) for row in leased}
        digests = {row.id: address_digest(row.contact) for row in leased if row.kind != TEST and found[row.id].address}
        bad = {id: Pass(barred=why) for id, why in (await bounced(c, _cells(leased, digests))).items()}
        bad |= await _refused(c, [row for row in leased if row.id in digests.keys() - bad.keys()], digests)
        left = {id: digest for id, digest in digests.items() if id not in bad}
        counts = await written.count(c, set(left.values()), WEEK, now, left)
        taken = dict[str, str]()
        for id, digest in left.items():
            if counts.get(digest, 0) < self._most:
                counts[digest] = counts.get(digest, 0) + 1
                taken[id] = digest
            else:
                bad[id] = Pass(barred=had_enough(self._most))
        await written.reserve(c, taken, now)
        return found | bad

    @staticmethod
    async def record(
        c: AsyncConnection, ended: Sequence[Ended | None], endings: Sequence[Ending], now: datetime
    ) -> None:
        """Keep what bounced, and count no more what has ended and never arrived. A test is none of `ended`."""
        marks = [
            (written.digest(one.address), one.account_id, one.contact_id, one.outcome.reason)
            for one in ended
            if one is not None and isinstance(one.outcome, Never) and one.outcome.bounced and one.address
        ]
        await written.mark(c, marks, now)
        never = [one.id for one in endings if one.transport == CONTACT and one.state != "delivered"]
        await written.release(c, (id for id in never if id not in _uncertain(endings)))


async def _refused(c: AsyncConnection, leased: Sequence[Any], digests: Mapping[str, str]) -> dict[str, Pass]:
    """Of these, what its reader has refused at another account, or as somebody else."""
    others = await written.sharing(c, {digests[row.id] for row in leased})
    found = {}
    for row in leased:
        card = decode(row.action).message
        beside = others.get(digests[row.id], ())
        if card is not None and (why := refused_beside(row.contact, card.consent, beside)) is not None:
            found[row.id] = Pass(barred=why)
    return found


def _uncertain(endings: Sequence[Ending]) -> set[str]:
    return {one.id for one in endings if one.uncertain}


def _cells(leased: Sequence[Any], wanted: Mapping[str, str]) -> dict[str, Cells]:
    return {row.id: row.contact for row in leased if row.id in wanted}


def _known(row: Any) -> Pass:
    """As far as what was leased tells."""
    if row.kind == TEST:
        return Pass(address=row.target)
    card = decode(row.action).message
    if card is None or row.contact is None:
        return Pass(barred=UNKNOWN)
    if (why := why_not(row.contact, card.consent)) is not None:
        return Pass(barred=why)
    address = text_of(row.contact, "email") or ""
    try:
        read_address(address)
    except ValueError:
        return Pass(barred="what is known as their e-mail address is not one")
    return Pass(address=address)


async def bounced(c: AsyncConnection, people: Mapping[str, Cells]) -> dict[str, str]:
    """Of these, by whatever they are called here, those whose address there is not, with the reason."""
    return {id: why_bounced(one.reason) for id, one in (await written.bounces_of(c, people)).items()}


def why_bounced(reason: str) -> str:
    """Why nothing is sent to an address any more."""
    return f"there is no such address any more: {clean(reason, 300)}"


def address_digest(cells: Cells | None) -> str:
    """What is kept of somebody's address; nothing, where they have none that is one."""
    return written.digest(text_of(cells or {}, "email") or "")
