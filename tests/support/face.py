"""A scoring service with its HTTP face, in one process, on accounts that a test feeds by hand."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from services.scoring import api, files
from services.scoring.api import (
    feedback,
    goals,
    judging,
    people,
    previews,
    record,
    renewals,
    revenue,
    timeline,
    usage,
    why,
)
from services.scoring.api.own_write import OwnWrites
from services.scoring.api.saying import Saying
from services.scoring.core.scorecard import Rules
from services.scoring.previews.looking import Looking
from services.scoring.queries import own_write
from services.scoring.views.previews import Preview
from shared.auth.keys import Caller
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.figures import Figures
from shared.jobs import routes as job_routes
from shared.jobs import store
from shared.jobs.runner import Jobs
from shared.log.protocol import Outgoing
from shared.messages.envelope import decode
from shared.web.app import create_app
from tests.support.scoring import NOW, SHIPPED, Fed, scoring_engine
from tests.support.stream import SetClock

CLUSTER = "the log of these tests"


class _Keys:
    async def find(self, key: str) -> Caller | None:
        scopes = {"right": {"read"}, "operator": {"read", "operate"}}.get(key)
        return Caller("test", frozenset(scopes), "test", "csm@example.com") if scopes else None


class Face:
    """What is fed, and what HTTP says of it, at an instant that the test sets."""

    def __init__(self, fed: Fed, client: httpx.AsyncClient, clock: SetClock, previews: Jobs) -> None:
        self.previews = previews
        self.fed = fed
        self.client = client
        self.clock = clock

    async def put(self, path: str, status: int = 202, key: str = "operator", **body: Any) -> Any:
        """Say something; the answer must have this status. What is published is folded at once."""
        answer = await self.client.put(f"/v1{path}", json=body, auth=(key, ""))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, status: int = 202, **body: Any) -> Any:
        """Say something more; the answer must have this status."""
        answer = await self.client.post(f"/v1{path}", json=body, auth=("operator", ""))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """Ask; the answer must have this status."""
        answer = await self.client.get(f"/v1{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def a_face(database_url: str, rules: Rules = SHIPPED, *, patience: float = 60) -> AsyncIterator[Face]:
    """Scoring by these rules; nothing is known yet. A read waits so many seconds for its own events."""
    async with scoring_engine(database_url) as engine:
        fed, clock = Fed(engine, rules), SetClock(NOW)
        await fed.take()
        app = create_app("scoring", "1", checks={}, figures=Figures("scoring"), random=bytes)
        app.state.keys = _Keys()
        app.state.own_writes = OwnWrites(partial(own_write.stored, fed.uow), lambda: CLUSTER, limit=patience)
        for part in (api, why, feedback, revenue, renewals, timeline, record, people, usage, goals):
            app.include_router(part.routes(fed.uow, clock, lambda: fed.rules))

        async def publish(messages: Sequence[Outgoing]) -> None:
            await fed.feed(*(decode(message.value) for message in messages))

        say = Saying(fed.uow, clock, publish, secrets.token_bytes)
        app.include_router(judging.routes(say, clock))
        app.include_router(goals.saying(say, lambda: fed.rules))
        app.include_router(renewals.saying(say, fed.uow))
        documents = InForce(Store("scoring", files.KINDS), files.load_files().texts, files.read_texts)
        await documents.begin(fed.uow, NOW)

        async def compute(id: str) -> bool:
            async with fed.uow.begin() as c:
                wanted = await store.wanted(c, id)
            await Looking(fed.uow, clock, id, wanted, documents.now).run()
            return True

        computing = Jobs(fed.uow, clock, secrets.token_bytes, compute)
        app.include_router(previews.routes(fed.uow, documents, computing))
        app.include_router(job_routes.routes(fed.uow, clock, job_routes.Job[Preview], "documents"))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://scoring", auth=("right", "")) as client:
            yield Face(fed, client, clock, computing)
