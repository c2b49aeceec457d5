"""Wires scoring and runs it: `python -m services.scoring.main --role api|worker|all`."""

import sys

from services.scoring import api, queries
from services.scoring.api import why
from services.scoring.files import load_rules
from services.scoring.handler import PLAN, ScoringHandler
from services.scoring.queries import ledger
from services.scoring.settings import ScoringSettings
from shared.service import service
from shared.service.status import status_routes
from shared.worker import claims


def wire(base: service.Base, settings: ScoringSettings) -> service.Service:
    """Build the parts. Raises `Refused` when a scorecard can't be read."""
    rules = load_rules(settings.scorecards, settings.catalogue_file)
    worker = base.worker(PLAN, ScoringHandler(rules, base.figures, base.clock, settings.worker_memory_mb * 2**20))
    return service.Service(
        description="How healthy every account is, and why.",
        worker=worker,
        routers=tuple(part.routes(base.uow, base.clock, rules) for part in (api, why)),
        probes=(status_routes(base.counts, clock=base.clock, worker=worker, extra=queries.status),),
        tidy=(claims.trim, ledger.forget),
    )


if __name__ == "__main__":
    sys.exit(service.main("scoring", ScoringSettings, wire))
