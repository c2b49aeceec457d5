"""The playbooks service whose rules are documents: one partition driven by hand, and its HTTP face."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from services.playbooks import api
from services.playbooks.api import documents as api_documents
from services.playbooks.documents import PlaybooksInForce
from services.playbooks.handler import PlaybooksHandler
from shared.auth.keys import Caller
from shared.documents.shelf import YAML, Version
from shared.documents.store import Store
from shared.figures import Figures
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.web.app import create_app
from tests.support.logins import as_service
from tests.support.playbooks import MONDAY, Floor


class _Keys:
    async def find(self, key: str) -> Caller | None:
        scopes = {"right": {"read"}, "operator": {"read", "operate"}}.get(key)
        return Caller("test", frozenset(scopes), "test", "ops@example.com") if scopes else None


class Ruled(Floor):
    """What is put over HTTP is what the partition goes by, once it has looked."""

    def __init__(self, engine: AsyncEngine, in_force: PlaybooksInForce, http: httpx.AsyncClient) -> None:
        super().__init__(engine, in_force.rules())
        self.in_force, self.http = in_force, http
        self.handler = PlaybooksHandler(in_force.rules, self.figures, self.clock)

    async def adopt(self) -> bool:
        """What the loop does between two batches. Returns whether there was anything to go over to."""
        async with self.uow.begin() as c:
            await self.in_force.refresh(c)
        if not self.handler.looks(self.partition, self.now):
            return False
        async with self.uow.begin() as c:
            await self.handler.look(c, self.partition, self.now, self.now)
        return True

    async def ask(self, method: str, path: str, status: int = 200, text: str | None = None, **more: Any) -> Any:
        """Ask as an operator; the answer must have this status."""
        content = None if text is None else text.encode()
        answer = await self.http.request(method, f"/v1/{path}", content=content, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content and "json" in answer.headers["content-type"] else answer

    async def put(self, path: str, text: str) -> None:
        """Put a text in force, over HTTP, and have the partition go over to it."""
        answer = await self.http.put(f"/v1/{path}", content=text.encode())
        assert answer.status_code in (200, 201), answer.text
        await self.adopt()


@asynccontextmanager
async def ruled(url: str, folder: Path, *playbooks: str, people: str = "csms: []\n") -> AsyncIterator[Ruled]:
    """With these playbooks (YAML texts) and people in a folder, as it ships."""
    (folder / "playbooks").mkdir(exist_ok=True)
    for number, text in enumerate(playbooks):
        (folder / "playbooks" / f"{number}.yaml").write_text(text, encoding="utf-8")
    (folder / "csms.yaml").write_text(people, encoding="utf-8")
    engine = make_engine(as_service(url, "playbooks"), "playbooks")
    uow = UnitOfWork(engine)
    in_force = PlaybooksInForce(folder / "playbooks", folder / "csms.yaml", None)
    await in_force.begin(uow, MONDAY)
    app = create_app("playbooks", "1", checks={}, figures=Figures("playbooks"), random=bytes)
    app.state.keys = _Keys()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://playbooks", auth=("operator", "")) as http:
        made = Ruled(engine, in_force, http)
        for router in (
            *api.routes(uow, made.clock, in_force.rules, lambda: None),
            *api_documents.routes(uow, made.clock, in_force),
        ):
            app.include_router(router)
        async with uow.begin() as c:
            await made.handler.taken(c, made.partition, MONDAY)
        try:
            yield made
        finally:
            await engine.dispose()


async def put_as(url: str, service: str, kind: str, id: str, text: str) -> None:
    """Another service puts one of its own documents."""
    engine, store = make_engine(as_service(url, service), service), Store(service, [kind])
    async with UnitOfWork(engine).begin() as c:
        await store.lock(c)
        number = 1 + max([one.version for one in await store.history(c, (kind, id))], default=0)
        await store.add(c, [Version(kind, id, number, text.encode(), YAML, "ada", MONDAY, shipped=False)])
    await engine.dispose()
