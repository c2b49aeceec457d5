"""Wires scoring and runs it: `python -m services.scoring.main --role api|worker|all`."""

import secrets
import sys

from services.scoring import api, queries
from services.scoring.api import documents, feedback, goals, judging, people, record, revenue, timeline, usage, why
from services.scoring.api.saying import Saying
from services.scoring.company.drops import Drops
from services.scoring.company.sources import Watch
from services.scoring.files import load_files
from services.scoring.handler import PLAN, ScoringHandler
from services.scoring.queries import ledger
from services.scoring.settings import ScoringSettings
from services.scoring.store import answers
from services.scoring.store import timeline as store_timeline
from services.scoring.store import usage as store_usage
from shared.log.publisher import Publisher
from shared.service import service
from shared.service.status import status_routes
from shared.worker import claims


def wire(base: service.Base, settings: ScoringSettings) -> service.Service:
    """Build the parts. Raises `Refused` when a scorecard can't be read."""
    files = load_files(settings.scorecards, settings.catalogue_file)
    rules = files.rules()
    company = Watch(rules.catalogue.closed, lambda: base.stream.partitions), Drops(lambda: base.stream.partitions)
    handler = ScoringHandler(rules, base.figures, base.clock, settings.worker_memory_mb * 2**20, *company)
    worker = base.worker(PLAN, handler)
    publisher = Publisher(base.stream.producer, base.figures)
    say = Saying(base.uow, base.clock, publisher.publish, secrets.token_bytes)
    return service.Service(
        description="How healthy every account is, and why.",
        worker=worker,
        routers=(
            *(
                part.routes(base.uow, base.clock, rules)
                for part in (api, why, feedback, revenue, timeline, record, people, usage, goals)
            ),
            judging.routes(say, base.clock),
            goals.saying(say, rules),
            documents.routes(files),
        ),
        probes=(status_routes(base.counts, clock=base.clock, worker=worker, extra=queries.status),),
        close=publisher.stop,
        tidy=(claims.trim, ledger.forget, answers.forget, store_timeline.forget, store_usage.forget),
    )


if __name__ == "__main__":
    sys.exit(service.main("scoring", ScoringSettings, wire))
