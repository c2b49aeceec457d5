"""A dry run: one playbook over all accounts as they stand, or over one."""

from datetime import datetime

import msgspec

from services.playbooks import days
from services.playbooks.core.dryrun import OneAccount, Tally
from services.playbooks.core.glance import glance
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.item import Item
from services.playbooks.core.leaves import leaves_seen
from services.playbooks.core.look import Look
from services.playbooks.core.outlook import outlook
from services.playbooks.core.rehearsal import alone, rehearse, whom_told, would_ask
from services.playbooks.core.rules import Entry, Rules
from services.playbooks.trials import DRY_RUN, reading
from services.playbooks.trials.progress import Progress
from shared.clock import Clock
from shared.pg.uow import UnitOfWork


class DryRunning:
    """One dry run, by the rules in force with this playbook alone."""

    def __init__(self, uow: UnitOfWork, clock: Clock, id: str, rules: Rules, entry: Entry) -> None:
        self._uow, self._clock, self._id = uow, clock, id
        self._rules = alone(rules, entry)
        self._playbook = self._rules.library.current[entry.playbook.id]
        self._now = clock.now()

    async def run(self, account: str | None = None) -> None:
        """Look at all accounts, or at this one alone, and keep what comes of it."""
        async with self._uow.begin() as c:
            self._beside = await reading.beside(c, self._rules)
        tally = Tally(self._now, of_event=self._playbook.on_event is not None)
        progress = Progress(self._uow, self._clock, self._id, 1 if account is not None else self._beside.accounts)
        if account is not None:
            await progress.end(DRY_RUN, tally.result(await self._one(account)))
            return
        async for part in reading.accounts(self._uow):
            await self._add(tally, part)
            await progress.tell(tally.accounts)
        await progress.end(DRY_RUN, tally.result())

    async def _add(self, tally: Tally, part: list[reading.Placed]) -> None:
        found = [(one, outlook(self._playbook, self._look(one))) for one in part]
        firing = [one.stands.account for one, what in found if what.state == "now"]
        async with self._uow.begin() as c:
            items = await reading.open_at(c, firing) if firing else {}
        for one, what in found:
            held_out = is_held_out(self._playbook, one.stands.account)
            tally.add(one.stands, what, self._told(one, items) if what.state == "now" else (), held_out=held_out)

    def _told(self, one: reading.Placed, items: dict[str, list[Item]]) -> list[str]:
        known = self._beside.interruptions.get(one.partition, ())
        open_there, loads = items.get(one.stands.account, ()), self._beside.loads
        said, loads = would_ask(self._rules, one.stands, open_there, loads, self._now, known)
        # Whose turn it is, and who has how much, goes on from account to account.
        self._beside = self._beside._replace(loads=loads)
        return whom_told(said)

    async def _one(self, account: str) -> OneAccount | None:
        async with self._uow.begin() as c:
            one = await reading.one(c, account)
            past = await days.of(c, [account], days.oldest(self._now))
        if one is None:
            return None
        look, stands = self._look(one), one.stands
        what, name = outlook(self._playbook, look, days.KEPT), stands.facts.get("account.name")
        fires_at = what.at or self._now
        return OneAccount(
            id=account,
            name=name if isinstance(name, str) else account,
            state=what.state,
            at=what.at,
            words=what.words,
            leaves=leaves_seen(self._playbook, look, past[0] if past else None),
            steps=rehearse(self._playbook, stands, look, self._rules, self._beside.loads, fires_at),
        )

    def _look(self, one: reading.Placed) -> Look:
        return look_now(self._rules, one, self._beside, self._now)


def look_now(rules: Rules, one: reading.Placed, beside: reading.Beside, now: datetime) -> Look:
    """A look at an account as it stands, by the clock of now."""
    at = max(now, one.stands.at)
    known = beside.interruptions.get(one.partition, ())
    return glance(rules, known, msgspec.structs.replace(one.stands, at=at), f"at {at.isoformat()}", "trial")
