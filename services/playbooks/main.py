"""Wires the playbooks and runs them: `python -m services.playbooks.main --role api|worker|all`."""

import secrets
import sys
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import api, days, queries
from services.playbooks.api import documents, trials
from services.playbooks.documents import PlaybooksInForce
from services.playbooks.handler import PlaybooksHandler
from services.playbooks.pausing import Pausing
from services.playbooks.preferring import Preferring
from services.playbooks.settings import PlaybooksSettings
from services.playbooks.subscribing import Subscribing
from services.playbooks.trials import CHILD
from shared.documents.following import Following
from shared.jobs import store as jobs
from shared.jobs.runner import Jobs, in_a_child
from shared.messages import registry
from shared.service import service
from shared.service.status import status_routes
from shared.worker.loop import Plan

_PLAN: Final = Plan(
    "playbooks", (registry.ASSESSMENTS, registry.DELIVERIES), gate=(registry.DELIVERIES,), by_marks=True
)


def wire(base: service.Base, settings: PlaybooksSettings) -> service.Service:
    """Build the parts. Raises `Refused` with what is wrong with the playbooks or the directory."""
    in_force = PlaybooksInForce(settings.playbooks, settings.csms_file, settings.catalogue_file)
    preferring = Preferring(in_force.rules)
    pausing = Pausing(preferring.rules, base.clock)
    subscribing = Subscribing(pausing.rules)
    rules = subscribing.rules

    async def refresh(c: AsyncConnection) -> None:
        await in_force.refresh(c)
        await preferring.refresh(c)
        await pausing.refresh(c)
        await subscribing.refresh(c)

    async def prepare() -> None:
        await in_force.begin(base.uow, base.clock.now())
        async with base.uow.begin() as c:
            await preferring.refresh(c)
            await pausing.refresh(c)
            await subscribing.refresh(c)

    following = Following(refresh)
    handler = PlaybooksHandler(rules, base.figures, base.clock, subscribing.hear)
    worker = base.worker(_PLAN, handler)
    trying = Jobs(base.uow, base.clock, secrets.token_bytes, in_a_child(CHILD))

    async def more_status(c: AsyncConnection) -> dict[str, Any]:
        return {
            "playbooks": len(rules().library.current),
            "off": sorted(rules().library.every.keys() - rules().library.current.keys()),
            "csms": len(rules().directory.csms),
            "last_resort": await queries.last_resort(c),
            "paused": sorted(rules().library.paused),
            "muted": await queries.number_muted(c, base.clock.now()),
            "sweep": await queries.sweep(c),
            "assessment_gaps": handler.gaps(base.clock.now()),
        }

    def wake() -> None:
        if worker is not None:
            worker.relay.wake()

    return service.Service(
        description="Decides who shall do what about an account, once, and keeps the lists that people work through.",
        worker=worker,
        routers=(
            *api.routes(base.uow, base.clock, rules, wake, pausing.refresh),
            *documents.routes(base.uow, base.clock, in_force),
            *trials.routes(base.uow, base.clock, in_force, trying),
        ),
        prepare=prepare,
        jobs=(lambda: following.run(base.uow),),
        on_stop=following.stop,
        probes=(
            status_routes(
                base.counts, clock=base.clock, worker=worker, extra=more_status, alarms=lambda: in_force.alarms
            ),
        ),
        close=trying.close,
        tidy=(queries.forget, days.forget, jobs.forget, queries.warn_once(rules)),
    )


if __name__ == "__main__":
    sys.exit(service.main("playbooks", PlaybooksSettings, wire))
