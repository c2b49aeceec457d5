"""The HTTP edge: playbooks and people, and the lists that people work through, with the moves that they make."""

from collections.abc import Callable

from services.playbooks.api import bulk, desk, effect, people, playbooks, results, writing
from services.playbooks.core.rules import RulesInForce
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce, wake: Callable[[], None]) -> tuple[Router, ...]:
    """Everything under `/v1` but the status. `wake` is told when something is to be sent."""
    at = desk.Desk(uow, clock, rules, wake)
    return (
        effect.routes(uow, clock, rules),
        playbooks.routes(uow, clock, rules),
        desk.routes(at),
        writing.routes(at),
        bulk.routes(at),
        results.routes(uow, clock, rules),
        people.routes(uow, clock, rules),
    )
