"""The HTTP edge: playbooks and people, and the lists that people work through, with the moves that they make."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.api import bulk, desk, effect, handing, muting, people, playbooks, results, running, writing
from services.playbooks.core.rules import RulesInForce
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router


async def _nothing(_: AsyncConnection) -> None:
    """Nobody goes by the pauses of playbooks here."""


def routes(
    uow: UnitOfWork,
    clock: Clock,
    rules: RulesInForce,
    wake: Callable[[], None],
    look_up: running.LookUp = _nothing,
) -> tuple[Router, ...]:
    """Everything under `/v1` but the status. `wake` is told when something is to be sent, `look_up` when a playbook was
    paused or resumed."""
    at = desk.Desk(uow, clock, rules, wake)
    return (
        effect.routes(uow, clock, rules),
        playbooks.routes(uow, clock, rules),
        desk.routes(at),
        writing.routes(at),
        bulk.routes(at),
        results.routes(uow, clock, rules),
        running.routes(at, look_up),
        muting.routes(at),
        people.routes(uow, clock, rules),
        handing.routes(at),
    )
