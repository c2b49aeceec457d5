"""Wires ingest and runs it: `python -m services.ingest.main --role api|worker|all`.

A worker consumes nothing here: it relays the outbox, lets go what waited for an alias, and ends imports.
"""

import asyncio
import contextlib
import logging
import secrets
import sys
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.ingest import api, files, queries
from services.ingest.api import documents, openapi, previews
from services.ingest.api.parts import Ingest
from services.ingest.handler import Intake
from services.ingest.pages.acting import Acting
from services.ingest.pages.leaving import Leaving
from services.ingest.publishing.housekeeping import Housekeeping
from services.ingest.publishing.releasing import Releasing
from services.ingest.publishing.responding import Responding
from services.ingest.receiving.knowing import Knowing
from services.ingest.receiving.limiting import Limits
from services.ingest.receiving.listening import Listening
from services.ingest.receiving.reception import Reception
from services.ingest.receiving.refusing import Refusing
from services.ingest.receiving.replaying import Replaying
from services.ingest.receiving.trying import Trying
from services.ingest.receiving.understanding import Understanding
from services.ingest.receiving.usage import Usage
from services.ingest.receiving.watching import Watching
from services.ingest.settings import IngestSettings
from services.ingest.slack.client import Slack, open_client
from services.ingest.slack.hearing import Hearing
from services.ingest.slack.interactions import Interactions
from services.ingest.store import known, links, recent, refused
from services.ingest.store import usage as store_usage
from services.ingest.views import Preview
from shared.documents.following import Following
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.jobs import routes as job_routes
from shared.jobs import store as jobs_store
from shared.jobs.runner import Jobs, in_a_child
from shared.links import Links
from shared.log.publisher import Publisher
from shared.log.room import check_room
from shared.messages import registry
from shared.pg.lease import while_alone
from shared.service import service
from shared.worker.relay import Relay

_log = logging.getLogger("keepwell.ingest")
_TRY_AGAIN: Final = 1.0
_MAPPED: Final = 4.0
"""How often it is asked whether mappings have changed: with the reading itself one counts within 5 s."""


def wire(base: service.Base, settings: IngestSettings) -> service.Service:
    """Build the parts."""
    data = settings.home / "postgres"
    publisher = Publisher(
        base.stream.producer,
        base.figures,
        check_room=lambda: check_room(data) if base.stream.kind == "local" else None,
    )
    relay = Relay(base.uow, base.stream, lambda: range(settings.partitions))
    random, keeping, ending = secrets.token_bytes, list[asyncio.Task[None]](), asyncio.Event()
    releasing = Releasing(
        uow=base.uow, clock=base.clock, random=random, partitions=settings.partitions, wake_relay=relay.wake
    )
    usage = Usage(base.uow, base.clock, base.figures)
    intake = Intake(
        uow=base.uow,
        publisher=publisher,
        releasing=releasing,
        clock=base.clock,
        random=random,
        figures=base.figures,
        usage=usage,
        cluster=lambda: base.stream.cluster,
    )
    token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
    slack = Slack(open_client(), base.clock, api_url=settings.slack_api_url, token=token)
    responding, keys = Responding(publisher, base.figures), settings.signing_keys
    jobs = Jobs(base.uow, base.clock, random, in_a_child("services.ingest.previews"))
    watching = Watching(base.uow, base.clock)
    listening = Listening(base.uow, lambda: base.stream.tail((registry.ASSESSMENTS,)))
    mappings = InForce(Store("ingest", (files.MAPPINGS,)), files.shipped(), files.read_texts)
    following = Following(mappings.refresh, every=_MAPPED)
    keeper = Housekeeping(base.uow, base.clock, relay, releasing)
    base.counts.add_outbox()
    for name, (says, query) in queries.COUNTED.items():
        base.counts.add(name, says, query)

    async def prepare() -> None:
        await mappings.begin(base.uow, base.clock.now())
        await publisher.connect()

    async def check_publisher() -> None:
        publisher.check()

    async def make_admin_key() -> None:
        while settings.admin_key is not None:
            try:
                await base.keys.ensure_admin(settings.admin_key.get_secret_value())
                return
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("waiting for the database", extra={"error": type(error).__name__})
                await asyncio.sleep(_TRY_AGAIN)

    async def keep_house() -> None:
        if base.role != "api":
            keeping.append(asyncio.create_task(while_alone(base.engine, "ingest", keeper.run)))
            with contextlib.suppress(asyncio.CancelledError):
                await keeping[0]

    def stop() -> None:
        following.stop()
        watching.stop()
        listening.stop()
        # What the relay has not sent stays in the outbox.
        for task in keeping:
            task.cancel()
        ending.set()

    async def close() -> None:
        await jobs.close()
        await usage.write()
        await slack.close()
        await publisher.stop()

    base.checks["publishing"] = check_publisher
    reception = Reception(
        intake=intake,
        limits=(limits := Limits(settings.rates, base.clock, usage)),
        usage=usage,
        understanding=Understanding(mappings),
        knowing=Knowing(base.uow, releasing),
        refusing=Refusing(base.uow, base.clock, base.figures),
        trying=Trying(base.uow, base.clock),
        watching=watching,
        clock=base.clock,
        figures=base.figures,
    )
    ingest = Ingest(
        intake=intake,
        reception=reception,
        replaying=Replaying(reception, base.uow, base.clock),
        watching=watching,
        listening=listening,
        mappings=mappings,
        limits=limits,
        releasing=releasing,
        uow=base.uow,
        keys=base.keys,
        clock=base.clock,
        random=random,
        checks=base.checks,
        counts=base.counts,
        stripe_secret=settings.stripe_secret.get_secret_value() if settings.stripe_secret else None,
        slack_secret=settings.slack_signing_secret.get_secret_value() if settings.slack_signing_secret else None,
        interactions=Interactions(slack, responding, base.clock),
        hearing=Hearing(slack, responding, base.clock),
        acting=Acting(Links(keys), responding, base.uow, base.clock, random) if keys else None,
        leaving=Leaving(Links(keys), intake, base.clock) if keys else None,
    )
    return service.Service(
        description="Where events come in.",
        routers=(
            *api.ROUTERS,
            *documents.routes(base.uow, base.clock, mappings, base.keys),
            previews.routes(base.uow, mappings, jobs),
            job_routes.routes(base.uow, base.clock, job_routes.Job[Preview], "documents"),
        ),
        probes=api.PROBES,
        prepare=prepare,
        jobs=(
            make_admin_key,
            keep_house,
            lambda: following.run(base.uow),
            lambda: usage.run(ending),
            watching.run,
            listening.run,
        ),
        on_stop=stop,
        tidy=(
            links.forget,
            known.forget,
            refused.forget_old,
            store_usage.forget,
            recent.forget_old,
            jobs_store.forget,
        ),
        close=close,
        state={"ingest": ingest},
        schemas=openapi.schemas(),
    )


if __name__ == "__main__":
    sys.exit(service.main("ingest", IngestSettings, wire))
