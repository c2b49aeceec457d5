"""A backtest: one playbook over the recorded days of all accounts."""

from datetime import date

from services.playbooks import days
from services.playbooks.core.backtest import Trial
from services.playbooks.core.judged import Tally
from services.playbooks.core.rules import Entry, Rules
from services.playbooks.trials import BACKTEST, reading
from services.playbooks.trials.progress import Progress
from shared.clock import Clock
from shared.pg.uow import UnitOfWork


class Backtesting:
    """One backtest, by the people who are there now."""

    def __init__(self, uow: UnitOfWork, clock: Clock, id: str, rules: Rules, entry: Entry) -> None:
        self._uow, self._clock, self._id, self._rules, self._playbook = uow, clock, id, rules, entry.playbook

    async def run(self, since: date, until: date, within_days: int) -> None:
        """Go through the days account by account, and keep what comes of it."""
        async with self._uow.begin() as c:
            total = (await reading.beside(c, self._rules)).accounts
        trial, tally = Trial(self._playbook, self._rules, since, until), Tally(since, until, within_days)
        progress, done = Progress(self._uow, self._clock, self._id, total), 0
        async for pasts in days.read(self._uow, since):
            for past in pasts:
                tally.add(trial.life(past))
            done += len(pasts)
            await progress.tell(done)
        await progress.end(BACKTEST, tally.result())
