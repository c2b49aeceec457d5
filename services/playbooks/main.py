"""Wires the playbooks and runs them: `python -m services.playbooks.main --role api|worker|all`."""

import sys
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import api, queries
from services.playbooks.core.rules import Library, Rules
from services.playbooks.files import load_files
from services.playbooks.handler import PlaybooksHandler
from services.playbooks.settings import PlaybooksSettings
from shared.conditions import Declared
from shared.files.catalogue import declared_in
from shared.files.templates import render
from shared.messages import registry
from shared.service import service
from shared.service.status import status_routes
from shared.worker.loop import Plan

_PLAN: Final = Plan(
    "playbooks", (registry.ASSESSMENTS, registry.DELIVERIES), gate=(registry.DELIVERIES,), by_marks=True
)


def wire(base: service.Base, settings: PlaybooksSettings) -> service.Service:
    """Build the parts. Raises `Refused` with what is wrong with the playbooks or the directory."""
    declared = declared_in(settings.catalogue_file)
    loaded, people = load_files(settings.playbooks, settings.csms_file, declared)
    rules = Rules(Library(loaded), people, render, declared or Declared())
    handler = PlaybooksHandler(rules, base.figures, base.clock)
    worker = base.worker(_PLAN, handler)

    async def more_status(c: AsyncConnection) -> dict[str, Any]:
        return {
            "playbooks": len(rules.library.loaded),
            "csms": len(rules.directory.csms),
            "last_resort": await queries.last_resort(c),
            "sweep": await queries.sweep(c),
            "assessment_gaps": handler.gaps(base.clock.now()),
        }

    def wake() -> None:
        if worker is not None:
            worker.relay.wake()

    return service.Service(
        description="Decides who shall do what about an account, once, and keeps the lists that people work through.",
        worker=worker,
        routers=(api.routes(base.uow, base.clock, rules, wake),),
        probes=(status_routes(base.counts, clock=base.clock, worker=worker, extra=more_status),),
        tidy=(queries.forget, queries.warn_once(rules)),
    )


if __name__ == "__main__":
    sys.exit(service.main("playbooks", PlaybooksSettings, wire))
