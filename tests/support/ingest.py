"""Builders and fakes for tests of ingest and of the HTTP edge."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest import api, files, queries
from services.ingest.api import documents, openapi, previews
from services.ingest.api.parts import Ingest
from services.ingest.core.checking import Checked, Refusal, check
from services.ingest.core.reading import read
from services.ingest.core.senders import Sender
from services.ingest.handler import Intake
from services.ingest.pages.acting import Acting
from services.ingest.pages.leaving import Leaving
from services.ingest.publishing.housekeeping import Housekeeping
from services.ingest.publishing.releasing import Releasing
from services.ingest.publishing.responding import Responding
from services.ingest.receiving.knowing import Knowing
from services.ingest.receiving.limiting import Limits, Rates
from services.ingest.receiving.listening import Listening
from services.ingest.receiving.reception import Reception
from services.ingest.receiving.refusing import Refusing
from services.ingest.receiving.replaying import Replaying
from services.ingest.receiving.trying import Trying
from services.ingest.receiving.understanding import Understanding
from services.ingest.receiving.usage import Usage
from services.ingest.receiving.watching import Watching
from services.ingest.slack.client import Slack
from services.ingest.slack.hearing import Hearing
from services.ingest.slack.interactions import Interactions
from services.ingest.views import Preview
from services.scoring import tables as scoring
from shared.auth.keys import KeyStore
from shared.clock import Clock
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.figures import Figures
from shared.jobs import routes as job_routes
from shared.jobs.runner import Jobs
from shared.links import Links
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing, Places, Record, TopicPartition, Unconfirmed
from shared.log.publisher import Publisher
from shared.messages import envelope
from shared.messages.envelope import Event
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.web.app import create_app
from shared.worker.counts import Counts
from shared.worker.relay import Relay
from tests.support.clicks import SIGNING_SECRET, FormSlack, a_form_slack
from tests.support.logins import as_service
from tests.support.stream import NOON, SetClock

ADMIN_KEY = "kw_the-admin-of-the-tests"
STRIPE_SECRET = "whsec_test"
NO_LIMITS = Rates(0, 0, 0)
CLUSTER = "the log of these tests"
LINK_KEY = "the-key-of-links-in-tests-of-ours"


def an_event(id: str = "e1", type: str = "usage.recorded", account: str = "northwind", **more: Any) -> dict[str, Any]:
    """An event in the plain form, as a client would send it."""
    data = {"feature": "reports"} if type == "usage.recorded" else {}
    return {"id": id, "type": type, "account": account, "data": data, **more}


def alias_of(account: str, *aliases: str, id: str = "set") -> dict[str, Any]:
    """The `account.updated` that gives an account its aliases."""
    return an_event(id, "account.updated", account, data={"traits": {"aliases": aliases}})


def judged(
    *events: Any, now: datetime = NOON, source: str = "app", **sender: Any
) -> tuple[list[Checked], list[Refusal]]:
    """What becomes of events that are sent as a plain list."""
    return check(read({}, msgspec.json.encode(events)), now, Sender(source, **sender))


def refusal_of(event: Any, now: datetime = NOON) -> Refusal:
    """The one refusal of an event that must be refused."""
    good, refused = judged(event, now=now, operates=True)
    assert good == []
    return refused[0]


def counted_bytes() -> Any:
    """A random source that isn't: every call gives other bytes, the same in every run."""
    numbers = itertools.count(1)
    return lambda n: next(numbers).to_bytes(n, "big")


class FakeProducer:
    """Takes messages, as its `Broker` says."""

    def __init__(self, broker: "Broker") -> None:
        self.broker, self.stopped = broker, False

    async def start(self) -> None:
        if self.broker.start_fails is not None:
            raise self.broker.start_fails

    async def stop(self) -> None:
        self.stopped = True

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        self.broker.asked += 1
        await self.broker.confirms.wait()
        if self.broker.fails:
            raise self.broker.fails.pop(0)
        if self.stopped:
            raise Unconfirmed("This producer has ended.")
        self.broker.messages += messages
        return self.broker.reach(messages)


class FakeTail:
    """The end of a log: what is put there comes next."""

    def __init__(self) -> None:
        self.coming: asyncio.Queue[Record] = asyncio.Queue()
        self.reads = False

    async def start(self) -> None:
        self.reads = True

    async def stop(self) -> None:
        self.reads = False

    async def read(self, timeout: float) -> list[Record]:
        try:
            async with asyncio.timeout(timeout):
                return [await self.coming.get()]
        except TimeoutError:
            return []


class Broker:
    """A broker in memory, which can be slow (`confirms`), or fail (`fails`)."""

    kind = "fake"

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []
        self._ends: dict[TopicPartition, int] = {}
        self.producers: list[FakeProducer] = []
        self.fails: list[Exception] = []
        self.start_fails: Exception | None = None
        self.asked = 0
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.end = FakeTail()

    def producer(self) -> FakeProducer:
        self.producers.append(FakeProducer(self))
        return self.producers[-1]

    def reach(self, messages: Sequence[Outgoing]) -> Places:
        """Where they came to lie: each behind what was in its partition before."""
        reached: dict[TopicPartition, int] = {}
        for message in messages:
            place = partition_of(message.key, 8) if message.partition is None else message.partition
            at = TopicPartition(message.topic, place)
            reached[at] = self._ends[at] = self._ends.get(at, 0) + 1
        return reached

    async def readers(self) -> dict[str, datetime | None]:
        return {}

    def tail(self, *_: object) -> FakeTail:
        return self.end

    def events(self) -> list[Event]:
        """What was published, read again."""
        return [envelope.decode(message.value) for message in self.messages]


class House:
    """Ingest as its clients see it: the real app on a real database, with a broker in memory and a set clock."""

    def __init__(
        self,
        engine: AsyncEngine,
        http: httpx.AsyncClient,
        app: FastAPI,
        clock: SetClock,
        broker: Broker,
        slack: FormSlack,
        usage: Usage,
    ) -> None:
        self.usage = usage
        self.engine, self.http, self.app, self.clock, self.broker = engine, http, app, clock, broker
        self.slack = slack

    async def post(self, *events: Any, **how: Any) -> httpx.Response:
        """Send events as a plain list."""
        return await self.http.post("/v1/events", content=msgspec.json.encode(events), **how)

    async def rows(self, query: str) -> list[Mapping[str, Any]]:
        async with self.engine.connect() as c:
            return [dict(row) for row in (await c.execute(text(query))).mappings()]

    @property
    def releasing(self) -> Releasing:
        return self.parts.releasing

    async def outbox(self) -> list[Event]:
        """The events that are staged, in order."""
        rows = await self.rows("SELECT value FROM outbox WHERE topic LIKE 'keepwell.events.%' ORDER BY id")
        return [envelope.decode(bytes(row["value"])) for row in rows]

    @property
    def parts(self) -> Ingest:
        parts: Ingest = self.app.state.ingest
        return parts


async def heard_of(database_url: str, *accounts: str, **more: Any) -> None:
    """Let scoring have heard of these accounts."""
    engine = make_engine(as_service(database_url, "scoring"), "scoring")
    async with engine.begin() as c:
        for id in accounts:
            await c.execute(insert(scoring.accounts).values(id=id, partition=0, state=b"", **more))
    await engine.dispose()


async def _fine() -> None:
    return None


async def _left_alone(_: str) -> bool:
    return True


def an_app(
    engine: AsyncEngine,
    broker: Broker,
    clock: Clock,
    slack: httpx.AsyncClient,
    *,
    stripe_secret: str | None = STRIPE_SECRET,
    slack_secret: str | None = SIGNING_SECRET,
    bot_token: str | None = "xoxb-1",
    link_key: str | None = LINK_KEY,
    rates: Rates = NO_LIMITS,
) -> tuple[FastAPI, KeyStore, Usage]:
    figures, random, uow = Figures("ingest"), counted_bytes(), UnitOfWork(engine)
    keys = KeyStore(uow, clock, random)
    releasing = Releasing(uow=uow, clock=clock, random=random, partitions=8, wake_relay=lambda: None)
    publisher = Publisher(broker.producer, figures, limit=0.05, give_up=0.5)
    responding = Responding(publisher, figures)
    asked = Slack(slack, clock, api_url="http://slack.test/api", token=bot_token)
    usage = Usage(uow, clock, figures)
    limits = Limits(rates, clock, usage)
    intake = Intake(
        uow=uow,
        publisher=publisher,
        releasing=releasing,
        clock=clock,
        random=random,
        figures=figures,
        usage=usage,
        cluster=lambda: CLUSTER,
    )

    watching = Watching(uow, clock)
    listening = Listening(uow, broker.tail, keep_alive=0.2)
    mappings = InForce(Store("ingest", (files.MAPPINGS,)), files.shipped(), files.read_texts)
    reception = Reception(
        intake=intake,
        limits=limits,
        usage=usage,
        understanding=Understanding(mappings),
        knowing=Knowing(uow, releasing),
        refusing=Refusing(uow, clock, figures),
        trying=Trying(uow, clock),
        watching=watching,
        clock=clock,
        figures=figures,
    )
    checks = {"database": _fine}
    counts = Counts(figures, uow, broker, clock)  # type: ignore[arg-type]
    counts.add_outbox()
    for name, (says, query) in queries.COUNTED.items():
        counts.add(name, says, query)
    app = create_app("ingest", "1", checks=checks, figures=figures, random=random, schemas=openapi.schemas())
    app.state.keys = keys
    app.state.ingest = Ingest(
        intake=intake,
        reception=reception,
        replaying=Replaying(reception, uow, clock),
        watching=watching,
        listening=listening,
        mappings=mappings,
        limits=limits,
        releasing=releasing,
        uow=uow,
        keys=keys,
        clock=clock,
        random=random,
        checks=checks,
        counts=counts,
        stripe_secret=stripe_secret,
        slack_secret=slack_secret,
        interactions=Interactions(asked, responding, clock),
        hearing=Hearing(asked, responding, clock),
        acting=Acting(Links([link_key]), responding, uow, clock, random) if link_key else None,
        leaving=Leaving(Links([link_key]), intake, clock) if link_key else None,
    )
    # Nobody computes: a test does.
    jobs = Jobs(uow, clock, random, _left_alone)
    more = (
        previews.routes(uow, mappings, jobs),
        job_routes.routes(uow, clock, job_routes.Job[Preview], "documents"),
    )
    for router in (*api.ROUTERS, *documents.routes(uow, clock, mappings, keys), *more, *api.PROBES):
        app.include_router(router)
    return app, keys, usage


@asynccontextmanager
async def a_house(database_url: str, **given: Any) -> AsyncIterator[House]:
    """Ingest, ready, with the admin's key as its client's; a secret that is None isn't set."""
    engine = make_engine(as_service(database_url, "ingest"), "ingest")
    clock, broker = SetClock(NOON), Broker()
    async with a_form_slack(clock) as (slack, asked):
        app, keys, usage = an_app(engine, broker, clock, asked, **given)
        await keys.ensure_admin(ADMIN_KEY)
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest", headers=headers) as http:
            yield House(engine, http, app, clock, broker, slack, usage)
    await engine.dispose()


def a_housekeeper(house: House, releasing: Releasing | None = None) -> Housekeeping:
    """What the process that keeps house does beside the door; its relay doesn't run."""
    relay = Relay(house.parts.uow, house.broker, lambda: range(8))  # type: ignore[arg-type]
    return Housekeeping(house.parts.uow, house.clock, relay, releasing or house.releasing)
