"""Builders for scoring: events as customers send them, accounts that have seen them, rules that ship."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import MappingProxyType
from typing import Any, Final

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.scoring.core.arrivals import Arrivals, by_account
from services.scoring.core.assess import Outcome, assess
from services.scoring.core.catalogue import Catalogue
from services.scoring.core.decision import Decision, Occasion
from services.scoring.core.fold import fold
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import View
from services.scoring.core.scorecard import Cap, Rules, Scorecard, Weighted
from services.scoring.core.state import Account
from services.scoring.files import load_rules
from services.scoring.handler import ScoringHandler
from shared.clock import SystemClock
from shared.conditions import parse
from shared.figures import Figures
from shared.log.protocol import Record
from shared.messages import registry
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.envelope import Event, decode
from shared.messages.registry import USAGE
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.worker import timers
from shared.worker.handler import Incoming
from tests.support.logins import as_service

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
"""A Wednesday."""
DAY = timedelta(days=1)
FEATURES: Final = {
    "starter": ("reports", "dashboards", "import"),
    "pro": ("reports", "dashboards", "import", "automations", "api", "integrations"),
    "enterprise": ("reports", "dashboards", "import", "automations", "api", "integrations", "sso", "audit_log"),
}
MILESTONES: Final = {"workspace_created": 3, "data_imported": 14, "team_invited": 21, "first_report": 30}
NEWCOMER: Rules = load_rules()
"""What ships, as a new installation has it: no plan's features and no milestones are declared."""
_MODELS: Final = tuple(replace(model, milestones=MILESTONES) for model in NEWCOMER.catalogue.onboarding)
SHIPPED: Rules = replace(NEWCOMER, catalogue=replace(NEWCOMER.catalogue, features=FEATURES, onboarding=_MODELS))
"""The cards that ship, with a catalogue that says what is sold."""
_ids: Iterator[int] = count(1)


def an_event(
    type: str, *, at: datetime = NOW, id: str = "", account: str = "acme", history: str | None = None, **data: Any
) -> Event:
    """One event; instants in its data may be given as such."""
    return Event(
        id=id or f"e{next(_ids)}",
        source="test",
        type=type,
        subject=account,
        time=at,
        accepted=at,
        history=history,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


def usage(
    at: datetime = NOW, feature: str = "reports", user: str | None = "ada", quantity: float = 1, **more: Any
) -> Event:
    """Someone used a feature."""
    return an_event("usage.recorded", at=at, feature=feature, user_id=user, quantity=quantity, **more)


def traits(at: datetime = NOW - 100 * DAY, **values: Any) -> Event:
    """`account.updated`."""
    return an_event("account.updated", at=at, traits=values)


def a_ticket(
    ticket_id: str = "T-1",
    *,
    type: str = "opened",
    at: datetime = NOW,
    opened_at: datetime | None = None,
    priority: str = "normal",
    **more: Any,
) -> Event:
    """A ticket's message."""
    return an_event(f"ticket.{type}", at=at, ticket_id=ticket_id, priority=priority, opened_at=opened_at or at, **more)


def an_invoice(
    type: str = "issued",
    invoice_id: str = "I-1",
    *,
    at: datetime = NOW,
    amount_minor: int = 10_000,
    currency: str = "EUR",
    **more: Any,
) -> Event:
    """An invoice's message."""
    data: dict[str, Any] = {"invoice_id": invoice_id, "amount_minor": amount_minor, "currency": currency, **more}
    return an_event(f"invoice.{type}", at=at, **data)


def a_subscription(at: datetime = NOW, id: str | None = "s1", **said: Any) -> Event:
    """What was said of a subscription; without an id of the unnamed one."""
    return an_event("subscription.changed", at=at, **({} if id is None else {"subscription_id": id}), **said)


def nps(score: int, *, contact: str = "c1", at: datetime = NOW, comment: str | None = None, **more: Any) -> Event:
    """An NPS answer."""
    return an_event("feedback.nps", at=at, contact_id=contact, score=score, comment=comment, **more)


def a_contact(contact: str = "c1", role: str | None = None, *, at: datetime = NOW - 50 * DAY, **more: Any) -> Event:
    """A person at the account."""
    return an_event("contact.updated", at=at, contact_id=contact, role=role, **more)


def a_pulse(score: int, *, at: datetime = NOW, note: str = "as it looks", author: str = "csm@example.com") -> Event:
    """A customer-success manager's judgement."""
    return an_event("pulse.set", at=at, score=score, note=note, author=author)


def a_goal(
    goal: str = "g1", title: str = "", *, at: datetime = NOW, due_at: datetime = NOW + DAY, **more: Any
) -> Event:
    """What the customer wants to reach; `fact`, `op` and `target` say how that is measured."""
    return an_event("goal.set", at=at, goal_id=goal, title=title or f"what {goal} is", due_at=due_at, **more)


def csat(score: int, *, contact: str = "c1", at: datetime = NOW, **more: Any) -> Event:
    """How satisfied somebody was."""
    return an_event("feedback.csat", at=at, contact_id=contact, score=score, **more)


def ces(score: int, *, contact: str = "c1", at: datetime = NOW, **more: Any) -> Event:
    """How easy somebody found it."""
    return an_event("feedback.ces", at=at, contact_id=contact, score=score, **more)


def a_talk(contact: str | None = None, *, at: datetime = NOW, kind: str = "call") -> Event:
    """We talked."""
    return an_event("interaction.logged", at=at, kind=kind, contact_id=contact)


def rules_of_one(*measures: str, caps: Mapping[str, Any] = MappingProxyType({})) -> Rules:
    """One card for every account: these measures at equal weights, and caps by condition: `red` or `amber`."""
    weighted = tuple(Weighted(name, 1, MEASURES[name].curve) for name in measures)
    held = tuple(Cap(at_most, parse(condition)) for condition, at_most in caps.items())
    return Rules(SHIPPED.catalogue, (Scorecard("one", 1, "every account", weighted, minimum_coverage=0, caps=held),))


def after(*events: Event, account: Account | None = None) -> Account:
    """An account that has seen these events."""
    account = account or Account("acme")
    for event in events:
        fold(account, event, registry.data_of(event))
    return account


def an_account(
    *events: Event, seats: int = 10, plan: str = "pro", signed: datetime | None = NOW - 200 * DAY, **known: Any
) -> Account:
    """A customer of some months with traits, and what happened besides."""
    values = {
        "name": "Acme",
        "seats": seats,
        "plan": plan,
        "signed_at": signed,
        "currency": "EUR",
        "mrr_minor": 420_000,
    }
    return after(traits(NOW - 100 * DAY, **(values | known)), *events)


def busy(
    days: Iterable[int], users: int = 8, now: datetime = NOW, features: tuple[str, ...] = ("reports", "api")
) -> list[Event]:
    """Usage by several users on days counted back from now."""
    return [
        usage(now - day * DAY, feature, f"u{user}", 1) for day in days for user in range(users) for feature in features
    ]


def read(
    name: str, account: Account, now: datetime = NOW, catalogue: Catalogue = SHIPPED.catalogue
) -> tuple[float | None, str]:
    """A measure's raw value and its words."""
    raw, words, _ = MEASURES[name].read(View(account, now, catalogue))
    return raw, words


def a_card_of(*measures: str) -> Rules:
    """One card for every account, on which these weigh alike."""
    weighted = tuple(Weighted(name, 100 // len(measures), MEASURES[name].curve) for name in measures)
    return Rules(SHIPPED.catalogue, (Scorecard("one", 1, "every account", weighted, minimum_coverage=0),))


def caused_by(event: Event) -> Cause:
    """The cause that an event is."""
    return Cause(
        kind="event",
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        accepted=event.accepted,
        data=msgspec.json.decode(event.data),
    )


BY_TIME = Occasion(Cause(kind="time"))
BY_USAGE = Occasion(Cause(kind="usage"))


def assessed(
    account: Account,
    *,
    before: Decision | None = None,
    now: datetime = NOW,
    rules: Rules = SHIPPED,
    by: Event | Occasion = BY_TIME,
) -> Outcome:
    """Assess, because of an event or something else."""
    asked = by if isinstance(by, Occasion) else Occasion(caused_by(by))
    return assess(account, before, asked, now, rules)


def told(outcome: Outcome) -> AccountAssessed:
    """What an assessment told; it must have told something."""
    assert outcome.assessed is not None
    return outcome.assessed


# The shell: a handler on a real database, fed by hand.


@asynccontextmanager
async def scoring_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Scoring's own engine."""
    made = make_engine(as_service(database_url, "scoring"), "scoring")
    try:
        yield made
    finally:
        await made.dispose()


class Fed:
    """One scoring worker's handler, one partition, and time as the test sets it."""

    partition = 0

    def __init__(self, engine: AsyncEngine, rules: Rules = SHIPPED, now: datetime = NOW, memory: int = 2**28) -> None:
        self.engine = engine
        self.uow = UnitOfWork(engine)
        self.rules = rules
        self.now = now
        self.figures = Figures("scoring")
        self.memory = memory
        self.handler = ScoringHandler(lambda: self.rules, self.figures, SystemClock(), memory)

    async def __aenter__(self) -> "Fed":
        await self.take()
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def take(self) -> None:
        """Take the partition, as the loop does."""
        async with self.uow.begin() as c:
            await self.handler.taken(c, self.partition, self.now)

    async def restart(self, rules: Rules | None = None) -> None:
        """Another process goes on: nothing is remembered."""
        self.rules = rules or self.rules
        self.handler = ScoringHandler(lambda: self.rules, self.figures, SystemClock(), self.memory)
        await self.take()

    async def feed(self, *events: Event, behind: bool = False) -> None:
        """Handle one batch."""
        async with self.uow.begin() as c:
            await self.handler.handle(c, self.partition, [incoming(event) for event in events], self.now, behind)
        self.handler.committed(self.partition)

    async def feed_in_vain(self, *events: Event) -> None:
        """Handle a batch whose commit fails, and take the partition again."""
        with suppress(TimeoutError):
            async with self.uow.begin() as c:
                await self.handler.handle(c, self.partition, [incoming(event) for event in events], self.now, False)
                raise TimeoutError
        self.handler.forget(self.partition)
        await self.take()

    async def catch_up(self) -> None:
        """Do what was put off."""
        while self.handler.waiting(self.partition) is not None:
            async with self.uow.begin() as c:
                await self.handler.catch_up(c, self.partition, self.now)

    async def pass_time(self, until: datetime) -> None:
        """Let time pass, with every timer on its second."""
        while True:
            async with self.uow.begin() as c:
                due = (await timers.next_due(self.uow, [self.partition])).get(self.partition)
                if due is None or due > until:
                    break
                self.now = due
                async with timers.run_due(c, self.partition, due, 500) as taken:
                    await self.handler.on_timers(c, self.partition, taken, self.now)
        self.now = until

    async def end_import(self, import_id: str, act_on_found: bool = False) -> None:
        """Tell the end of an import on every event topic."""
        for topic in registry.EVENT_TOPICS:
            data: dict[str, Any] = {"import_id": import_id, "topic": topic, "act_on_found": act_on_found}
            await self.feed(
                an_event(registry.HISTORY_ENDED, at=self.now, account=import_id, id=f"{import_id}-end", **data)
            )

    async def told(self, account: str = "acme") -> list[AccountAssessed]:
        """Every assessment that was told of an account, in order."""
        return [
            registry.data_of(decode(row.value))
            for row in await self.rows("SELECT key, value FROM outbox ORDER BY id")
            if row.key == account
        ]

    async def rows(self, sql: str, **parameters: Any) -> list[Any]:
        """What the database has."""
        async with self.engine.connect() as c:
            return list(await c.execute(text(sql), parameters))


def incoming(event: Event) -> Incoming:
    """An event as the loop hands it over."""
    topic = USAGE if event.type == "usage.recorded" else _topic_of(event)
    return Incoming(Record(topic, 0, 0, event.time, event.subject, b""), event, registry.data_of(event))


def arrivals(*events: Event) -> Arrivals:
    """What a batch brings one account: these events, each for the first time."""
    return by_account((incoming(event), True) for event in events).get("acme", Arrivals())


def _topic_of(event: Event) -> str:
    return registry.EVENT_TOPICS[-1] if event.type == registry.HISTORY_ENDED else registry.topic_of(event.type)
