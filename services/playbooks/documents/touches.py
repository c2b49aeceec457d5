"""What a change of playbooks and people touches: asked of the accounts, episodes and items as they are now."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import pausing, queries
from services.playbooks import tables as t
from services.playbooks.core.books import Books
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.item import OPEN
from services.playbooks.core.standing import Standing
from services.playbooks.core.touched import NOBODY, Edit, Touching
from services.playbooks.files import CSMS, PLAYBOOKS, RuleFiles
from services.playbooks.pausing import with_pauses
from services.playbooks.people import books
from services.playbooks.views import plans as views
from shared.clock import Clock
from shared.documents.changing import Change
from shared.documents.together import Plan, Planned, Telling
from shared.messages.actions import KINDS

_MOST_LOOKS: Final = 100_000
"""At all accounts together, each with every playbook that changes: so an answer takes some seconds at most."""
_FEWEST_ACCOUNTS: Final = 1_000
_MOST_SHOWN: Final = 10
_UNDER_WAY: Final = ("pending", "active", "found")


class Touches(Telling[RuleFiles]):
    """Tells it beside what becomes of each text."""

    plan = views.PlanHere

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def told(self, c: AsyncConnection, before: RuleFiles, after: RuleFiles, changes: Sequence[Change]) -> Plan:
        """What becomes of each, and what that touches."""
        changed = [one.after.id for one in changes if one.kind != "none" and one.after.kind == PLAYBOOKS]
        edits = {id: Edit(_playbook(before, id), _playbook(after, id)) for id in changed}
        rules = with_pauses(after.rules, await pausing.known(c))
        touching = Touching(edits, rules, await _busy(c, changed), await _interruptions(c), self._clock.now())
        accounts, share = await _shown(c, touching.show, len(edits))
        counts = await _counts(c, changed)
        found = dict[str, views.PlaybookTouches | views.PeopleTouches]()
        for id in changed:
            episodes, items = counts[id]
            found[id] = views.PlaybookTouches(episodes=episodes, open=items, **touching.of(id, share)._asdict())
        is_of_people = any(one.after.key == CSMS and one.kind != "none" for one in changes)
        people = await _people(c, before, after, self._clock.now()) if is_of_people else None
        return views.PlanHere(
            items=[
                views.PlannedHere(
                    **Planned.of(one).model_dump(),
                    touches=people if one.after.key == CSMS else found.get(one.after.id),
                )
                for one in changes
            ],
            accounts=accounts,
            looked_at=touching.accounts,
            first_hour=_first_hour(touching.lists(share)),
        )


def _playbook(files: RuleFiles, id: str) -> Any:
    return files.rules.library.current.get(id)


def _first_hour(lists: Mapping[str, tuple[int, int]]) -> views.FirstHour:
    told = [
        views.Lists(recipient=None if who == NOBODY else who, messages=messages, accounts=lines)
        for who, (messages, lines) in lists.items()
    ]
    return views.FirstHour(messages=sum(one.messages for one in told), recipients=told[:_MOST_SHOWN])


async def _shown(c: AsyncConnection, show: Callable[[Standing], None], playbooks: int) -> tuple[int, float]:
    """Show accounts as they stand, so many as there is time for. Returns how many there are, and which share these
    are."""
    most = min(queries.MOST_LOOKED_AT, max(_FEWEST_ACCOUNTS, _MOST_LOOKS // max(1, playbooks)))
    number = (await c.execute(select(func.count()).select_from(t.accounts))).scalar_one()
    if not playbooks:
        return number, 1.0
    seen = 0
    async with c.stream_scalars(queries.some_standings(number, most)) as standings:
        async for some in standings.partitions():
            seen += len(some)
            here = [one for one in some if one.gone is None]
            # Beside the loop, which has others to answer meanwhile.
            await asyncio.to_thread(_show_all, show, here)
    return number, seen / number if number and number > most else 1.0


def _show_all(show: Callable[[Standing], None], standings: Iterable[Standing]) -> None:
    for one in standings:
        show(one)


async def _busy(c: AsyncConnection, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Accounts and playbooks of which an episode is open: nothing else is found there."""
    e = t.episodes.c
    asked = select(e.account_id, e.playbook).where(e.playbook.in_(ids), e.latest, e.subject == "", e.state != "idle")
    return {(row.account_id, row.playbook) for row in await c.execute(asked)} if ids else set()


async def _interruptions(c: AsyncConnection) -> list[Interruption]:
    known = select(*(t.interruptions.c[name] for name in Interruption._fields))
    return [Interruption(*row) for row in await c.execute(known)]


async def _counts(c: AsyncConnection, ids: Sequence[str]) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
    """By playbook its episodes that are under way, by state, and what is open that these feed, by kind."""
    e, i = t.episodes.c, t.items.c
    found = {id: (_none_of(_UNDER_WAY), _none_of(KINDS)) for id in ids}
    under_way = (e.playbook.in_(ids), e.latest, e.state.in_(_UNDER_WAY))
    by_state = select(e.playbook, e.state, func.count().label("number")).where(*under_way)
    for row in await c.execute(by_state.group_by(e.playbook, e.state)) if ids else ():
        found[row.playbook][0][row.state] = row.number
    fed = (i.episode_id == e.id) | type_coerce(i.feeders, JSONB).has_key(e.id)
    by_kind = (
        select(e.playbook, i.kind, func.count(i.id.distinct()).label("number"))
        .join_from(t.episodes, t.items, i.account_id == e.account_id)
        .where(*under_way, i.state.in_(OPEN), fed)
        .group_by(e.playbook, i.kind)
    )
    for row in await c.execute(by_kind) if ids else ():
        found[row.playbook][1][row.kind] = row.number
    return found


def _none_of(names: Iterable[str]) -> dict[str, int]:
    return dict.fromkeys(names, 0)


async def _people(c: AsyncConnection, before: RuleFiles, after: RuleFiles, now: datetime) -> views.PeopleTouches:
    """Who comes and who goes, with what they have."""
    then, new = before.people.directory, after.people.directory
    appear, go = _beside(new, then), _beside(then, new)
    work, held = await queries.open_work(c, [*appear, *go], now), await books.read(c, before.rules)

    def told(one: Csm, accounts: Books) -> views.PersonTouched:
        open = _none_of(KINDS) | {kind: number for kind, number in work.get(one.id, {}).items() if kind in KINDS}
        return views.PersonTouched(id=one.id, name=one.name, open=open, accounts=accounts.of(one.id).number)

    # Whose accounts they are is said by who is in the directory.
    will_hold = await books.read(c, after.rules)
    return views.PeopleTouches(appear=[told(one, will_hold) for one in appear], go=[told(one, held) for one in go])


def _beside(one: Directory, other: Directory) -> list[Csm]:
    """Who works by the one, and not by the other."""
    there = {csm.id for csm in other.csms if csm.left is None}
    return [csm for csm in one.csms if csm.left is None and csm.id not in there]
