"""Wires scoring and runs it: `python -m services.scoring.main --role api|worker|all`."""

import secrets
import sys
from functools import partial

from services.scoring import api, files, queries
from services.scoring.api import feedback, goals, judging, people, record, renewals, revenue, timeline, usage, why
from services.scoring.api import previews as api_previews
from services.scoring.api.documents import KINDS
from services.scoring.api.own_write import OwnWrites
from services.scoring.api.saying import Saying
from services.scoring.company.drops import Drops
from services.scoring.company.sources import Watch
from services.scoring.core.scorecard import Rules
from services.scoring.handler import PLAN, ScoringHandler
from services.scoring.queries import ledger, own_write
from services.scoring.settings import ScoringSettings
from services.scoring.store import answers, money
from services.scoring.store import renewals as store_renewals
from services.scoring.store import timeline as store_timeline
from services.scoring.store import usage as store_usage
from services.scoring.views.previews import Preview
from shared.documents import together
from shared.documents.following import Following
from shared.documents.in_force import InForce
from shared.documents.routes import routes as document_routes
from shared.documents.store import Store
from shared.jobs import routes as job_routes
from shared.jobs import store as jobs_store
from shared.jobs.runner import Jobs, in_a_child
from shared.log.publisher import Publisher
from shared.service import service
from shared.service.status import status_routes
from shared.worker import claims


def wire(base: service.Base, settings: ScoringSettings) -> service.Service:
    """Build the parts. Raises `Refused` when a scorecard can't be read."""
    shipped = files.load_files(settings.scorecards, settings.catalogue_file)
    documents = InForce(Store("scoring", files.KINDS), shipped.texts, files.read_texts)

    following = Following(documents.refresh)

    def in_force() -> Rules:
        return documents.now.rules

    company = Watch(in_force, lambda: base.stream.partitions), Drops(lambda: base.stream.partitions)
    handler = ScoringHandler(in_force, base.figures, base.clock, settings.remembered, *company)
    worker = base.worker(PLAN, handler)
    publisher = Publisher(base.stream.producer, base.figures)
    say = Saying(base.uow, base.clock, publisher.publish, secrets.token_bytes)
    previews = Jobs(base.uow, base.clock, secrets.token_bytes, in_a_child("services.scoring.previews"))

    async def close() -> None:
        await previews.close()
        await publisher.stop()

    return service.Service(
        description="How healthy every account is, and why.",
        worker=worker,
        routers=(
            *(
                part.routes(base.uow, base.clock, in_force)
                for part in (api, why, feedback, revenue, renewals, timeline, record, people, usage, goals)
            ),
            judging.routes(say, base.clock),
            goals.saying(say, in_force),
            renewals.saying(say, base.uow),
            *(document_routes(kind, documents, base.uow, base.clock) for kind in KINDS),
            together.routes("scoring", documents, base.uow, base.clock, example=KINDS[0].wanted),
            api_previews.routes(base.uow, documents, previews),
            job_routes.routes(base.uow, base.clock, job_routes.Job[Preview], "documents"),
        ),
        state={"own_writes": OwnWrites(partial(own_write.stored, base.uow), lambda: base.stream.cluster)},
        prepare=lambda: documents.begin(base.uow, base.clock.now()),
        jobs=(lambda: following.run(base.uow),),
        on_stop=following.stop,
        probes=(
            status_routes(
                base.counts,
                clock=base.clock,
                worker=worker,
                extra=queries.status,
                alarms=lambda: documents.alarms,
            ),
        ),
        close=close,
        tidy=(
            claims.trim,
            ledger.forget,
            answers.forget,
            money.forget,
            store_renewals.forget,
            store_timeline.forget,
            store_usage.forget,
            jobs_store.forget,
        ),
    )


if __name__ == "__main__":
    sys.exit(service.main("scoring", ScoringSettings, wire))
