"""Runs what was asked for, by the documents in force."""

from services.playbooks.files import RuleFiles
from services.playbooks.trials import BACKTEST
from services.playbooks.trials.asking import Span
from services.playbooks.trials.back import Backtesting
from services.playbooks.trials.dry import DryRunning
from shared.clock import Clock
from shared.conditions import Problem, Refused
from shared.jobs.store import Wanted
from shared.pg.uow import UnitOfWork


async def run(uow: UnitOfWork, clock: Clock, id: str, wanted: Wanted, files: RuleFiles) -> None:
    """Run a job. Raises `Refused` where its playbook is not in force any more, or its draft fits no more."""
    if wanted.draft is not None:
        entry, files = files.with_playbook(wanted.draft)
    elif wanted.document in files.entries:
        entry = files.entries[wanted.document]
    else:
        raise Refused([Problem(f"There is no playbook `{wanted.document}` any more.")])
    if wanted.work == BACKTEST:
        await Backtesting(uow, clock, id, files.rules, entry).run(*Span.of(wanted.options))
    else:
        await DryRunning(uow, clock, id, files.rules, entry).run(wanted.options.get("account"))
