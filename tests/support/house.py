"""The playbooks service on a real database with its HTTP face."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import api
from services.playbooks.api import documents, trials
from services.playbooks.documents import SHELF
from services.playbooks.files import CSMS, PLAYBOOKS, read_texts
from services.playbooks.pausing import Pausing
from services.playbooks.subscribing import Subscribing
from services.playbooks.trials.running import run
from shared.auth.keys import KeyStore
from shared.documents.in_force import InForce
from shared.figures import Figures
from shared.jobs import store
from shared.jobs.runner import Jobs
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.web.app import create_app
from tests.support.logins import as_service
from tests.support.playbooks import HOUR, MONDAY, Floor, a_floor
from tests.support.stream import SetClock

ADMIN = "kw_an-admin-key-for-tests"
PEOPLE = """
csms:
  - {id: own, name: Owner, email: owner@example.com, capacity: 20, manager: lead}
  - {id: east, name: East, email: east@example.com, tier: senior, skills: [billing]}
  - {id: lead, name: Lead, email: lead@example.com, tier: lead}
"""


class House:
    """The floor with its HTTP face and a client that holds the admin's key."""

    def __init__(
        self,
        url: str,
        floor: Floor,
        http: httpx.AsyncClient,
        woken: list[bool],
        clock: SetClock,
        trying: Jobs,
        look_up: Callable[[AsyncConnection], Awaitable[None]],
    ) -> None:
        self.url, self.floor, self.http, self.woken, self.clock = url, floor, http, woken, clock
        self.trying, self._look_up = trying, look_up

    async def get(self, path: str, **asked: Any) -> Any:
        answer = await self.http.get(f"/v1/{path}", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/v1/{path}", json=body, headers=named)

    async def key_of(self, csm: str) -> str:
        """The header of a key that a CSM holds."""
        owner = make_engine(as_service(self.url, "ingest"), "ingest")
        keys = KeyStore(UnitOfWork(owner), self.clock, lambda size: csm.encode().ljust(size, b".")[:size])
        key = await keys.create(csm, ["read", "operate"], source=csm, sources=[], csm=csm)
        await owner.dispose()
        return f"Bearer {key}"

    async def adopt(self) -> None:
        """Go over to the rules in force between two batches, with every account's turn, as the loop does."""
        floor = self.floor
        async with floor.uow.begin() as c:
            await self._look_up(c)
        if floor.handler.looks(floor.partition, floor.now):
            async with floor.uow.begin() as c:
                await floor.handler.look(c, floor.partition, floor.now, self.clock.now())

    async def one(self, what: str, **asked: Any) -> Any:
        (found,) = (await self.get(what, **asked))["items"]
        return found


@asynccontextmanager
async def a_house(url: str, *playbooks: str, people: str = PEOPLE) -> AsyncIterator[House]:
    owner = make_engine(as_service(url, "ingest"), "ingest")
    clock = SetClock(MONDAY + HOUR)
    await KeyStore(UnitOfWork(owner), clock, bytes).ensure_admin(ADMIN)
    await owner.dispose()
    async with a_floor(url, *playbooks, people=people) as floor:
        woken: list[bool] = []
        app = create_app("playbooks", "1", checks={}, figures=Figures("playbooks"), random=bytes)
        app.state.keys = KeyStore(floor.uow, clock, bytes)
        texts = {(PLAYBOOKS, one.playbook.id): one.source.encode() for one in floor.rules.library.loaded}
        texts[CSMS] = PEOPLE.encode()
        in_force = InForce(SHELF, texts, read_texts)
        await in_force.begin(floor.uow, MONDAY)
        pausing = Pausing(lambda plain=floor.rules: plain, clock)  # type: ignore[misc]
        # Another process than the floor's: it looks up what endpoints want.
        subscribing = Subscribing(lambda: floor.rules)

        async def look_up(c: AsyncConnection) -> None:
            await pausing.refresh(c)
            await subscribing.refresh(c)
            floor.rules = pausing.rules()

        async def compute(id: str) -> bool:
            async with floor.uow.begin() as c:
                wanted = await store.wanted(c, id)
            await run(floor.uow, clock, id, wanted, in_force.now)
            return True

        trying = Jobs(floor.uow, clock, secrets.token_bytes, compute)
        for router in (
            *api.routes(floor.uow, clock, subscribing.rules, lambda: woken.append(True), look_up),
            *documents.routes(floor.uow, clock, in_force),
            *trials.routes(floor.uow, clock, in_force, trying),
        ):
            app.include_router(router)
        headers = {"authorization": f"Bearer {ADMIN}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://playbooks", headers=headers) as http:
            yield House(url, floor, http, woken, clock, trying, look_up)
