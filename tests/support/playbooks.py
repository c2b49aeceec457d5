"""Builders for playbooks: texts become playbooks, plain facts become looks and assessments."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.playbooks import queries
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Library, Rules
from services.playbooks.files import load_all, load_playbook, read_people
from services.playbooks.handler import PlaybooksHandler
from services.playbooks.subscribing import Subscribing
from shared.conditions import Facts
from shared.figures import Figures
from shared.files.templates import render
from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.actions import ActionCancelled, ActionRequested
from shared.messages.assessments import AccountAssessed, Cause, PartitionMark
from shared.messages.envelope import Event
from shared.messages.outward import WebhookTold
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.worker.handler import Incoming
from tests.support.logins import as_service
from tests.support.stream import SetClock

MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
"""Ten o'clock on a working day."""
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
_TAKE_DUE = text("DELETE FROM timers WHERE partition = :partition AND due <= :until RETURNING key, due")


def a_playbook(text: str) -> Playbook:
    return load_playbook(text, "test.yaml").playbook


def stalled(held_for: str = "", repeat: str = "", exit_when: str = "", steps: str = "") -> Playbook:
    """Fires when few features are used: one alert, unless other steps are given."""
    lines = [
        "id: stalled",
        "when: usage.breadth < 40 %",
        f"held_for: {held_for}" if held_for else "",
        f"repeat: {repeat}" if repeat else "",
        f"exit_when: {exit_when}" if exit_when else "",
        "steps:",
        steps or '  - alert: "Look at {{ account.name }}"',
    ]
    return a_playbook("\n".join(line for line in lines if line))


LOW = {"usage.breadth": 25.0}
HIGH = {"usage.breadth": 75.0}
UNKNOWN: dict[str, Any] = {}


def a_look(facts: dict[str, Any], at: datetime, **others: Any) -> Look:
    cause = others.get("cause")
    values = {"account.id": "northwind", "account.name": "Northwind", **facts}
    return Look(
        account="northwind",
        values=values,
        facts=Facts.of(values, cause=cause, withheld=others.get("interrupted", ())),
        now=at,
        occasion=others.pop("occasion", at.isoformat()),
        by_time=others.pop("by_time", cause is None),
        **others,
    )


def an_answer(score: int, at: datetime, id: str = "a-1") -> Cause:
    return Cause(
        kind="event",
        source="survey",
        id=id,
        type="feedback.nps",
        time=at,
        accepted=at,
        data={"contact_id": "admin", "score": score},
    )


def an_assessment(rev: int, at: datetime, facts: dict[str, Any] | None = None, **others: Any) -> AccountAssessed:
    given: dict[str, Any] = {
        "cause": Cause(kind="usage"),
        "scorecard": "default@1",
        "facts": {
            "account.id": "northwind",
            "account.name": "Northwind",
            "account.owner": "owner@example.com",
            **(facts or {}),
        },
    }
    return AccountAssessed(rev=rev, at=at, **{**given, **others})


class Floor:
    """The playbooks service on a real database, one partition, driven by hand: assessments in, actions out."""

    partition = 3

    def __init__(self, engine: AsyncEngine, rules: Rules) -> None:
        self.engine = engine
        self.uow = UnitOfWork(engine)
        self.rules = rules
        self.figures = Figures("playbooks")
        self.clock = SetClock(MONDAY)
        self.subscribing = Subscribing(lambda: self.rules)
        heard = self.subscribing.hear
        self.handler = PlaybooksHandler(self.subscribing.rules, self.figures, self.clock, heard)
        self.now = MONDAY
        self._offset = 0

    async def take(self, *data: tuple[str, msgspec.Struct]) -> list[ActionRequested]:
        """One batch: (account, assessment, mark or answer). Returns what it asked for."""
        if self.hears(*data):
            return []
        before = len(await self.sent())
        async with self.uow.begin() as c:
            await self.handler.handle(c, self.partition, [self.incoming(*one) for one in data], self.now, False)
        self.handler.committed(self.partition)
        return (await self.sent())[before:]

    def hears(self, *data: tuple[str, msgspec.Struct]) -> bool:
        """Whether these are marks, and taken down without a transaction."""
        batch = [self.incoming(*one) for one in data]
        return all(isinstance(one.data, PartitionMark) for one in batch) and self.handler.hears(self.partition, batch)

    async def assess(self, rev: int, at: datetime, facts: dict[str, Any], **others: Any) -> list[ActionRequested]:
        return await self.take(("northwind", an_assessment(rev, at, facts, **others)))

    async def pass_until(self, until: datetime) -> list[ActionRequested]:
        """Let time pass: run every timer that comes due, as the consume loop does."""
        before = len(await self.sent())
        while True:
            async with self.uow.begin() as c:
                rows = (await c.execute(_TAKE_DUE, {"partition": self.partition, "until": until})).all()
                if not rows:
                    break
                due = sorted(((row.key, row.due) for row in rows), key=lambda timer: (timer[1], timer[0]))
                await self.handler.on_timers(c, self.partition, due, until)
        return (await self.sent())[before:]

    async def sent(self) -> list[ActionRequested]:
        """What was asked for; digests are apart."""
        return [one for one in await self._asked() if one.day is None]

    async def digests(self) -> list[ActionRequested]:
        return [one for one in await self._asked() if one.day is not None]

    async def _asked(self) -> list[ActionRequested]:
        return [data for data in await self._staged() if isinstance(data, ActionRequested)]

    async def cancelled(self) -> list[str]:
        return [data.action_id for data in await self._staged() if isinstance(data, ActionCancelled)]

    async def told(self) -> list[WebhookTold]:
        """What there is for endpoints."""
        return [data for data in await self._staged() if isinstance(data, WebhookTold)]

    async def rows(self, sql: str) -> list[Any]:
        async with self.engine.connect() as c:
            return list((await c.execute(text(sql))).all())

    async def states(self, kind: str) -> list[str]:
        return [
            row.state
            for row in await self.rows(f"SELECT state FROM items WHERE kind = '{kind}' ORDER BY opened_at, id")
        ]

    async def episodes(self) -> list[tuple[str, str]]:
        rows = await self.rows("SELECT playbook, state FROM episodes ORDER BY opened_at, playbook")
        return [(row.playbook, row.state) for row in rows]

    async def found(self) -> list[tuple[str, str]]:
        """Account and playbook of what was found so."""
        rows = await self.rows("SELECT account_id, playbook FROM episodes WHERE state = 'found' ORDER BY account_id")
        return [(row.account_id, row.playbook) for row in rows]

    async def to_meet(self) -> list[str]:
        """The accounts that have yet to meet what is new or changed, in their turn."""
        rows = await self.rows("SELECT key FROM timers WHERE starts_with(key, 'meet:') ORDER BY due")
        return [row.key.removeprefix("meet:") for row in rows]

    async def sweep(self) -> dict[str, Any] | None:
        """What the status says of it."""
        async with self.uow.begin() as c:
            return await queries.sweep(c)

    async def staged_on(self, topic: str) -> list[Event]:
        """What is to be published on a topic."""
        rows = await self.rows(f"SELECT value FROM outbox WHERE topic = '{topic}' ORDER BY id")
        return [envelope.decode(row.value) for row in rows]

    async def _staged(self) -> list[Any]:
        rows = await self.rows("SELECT value FROM outbox ORDER BY id")
        return [registry.data_of(envelope.decode(row.value)) for row in rows]

    def incoming(self, account: str, data: msgspec.Struct) -> Incoming:
        self._offset += 1
        types = {struct: name for name, (_, struct) in registry.INTERNAL.items()}
        event = envelope.wrap(
            data, id=str(self._offset), source="test", type=types[type(data)], subject=account, time=MONDAY
        )
        record = Record(registry.ASSESSMENTS, self.partition, self._offset, MONDAY, account, b"", {})
        return Incoming(record, event, data)


@asynccontextmanager
async def a_floor(url: str, *playbooks: str, people: str = "csms: []") -> AsyncIterator[Floor]:
    """With these playbooks (YAML texts; none: those that ship) and people."""
    loaded = [load_playbook(one, "test.yaml") for one in playbooks] or list(load_all())
    engine = make_engine(as_service(url, "playbooks"), "playbooks")
    floor = Floor(engine, Rules(Library(loaded), read_people(people, "csms.yaml"), render))
    async with floor.uow.begin() as c:
        await floor.handler.taken(c, floor.partition, MONDAY)
    try:
        yield floor
    finally:
        await engine.dispose()
