"""Writing tasks by hand."""

import hashlib
from typing import Annotated

from fastapi import Depends, Header, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import store
from services.playbooks.api.desk import Desk, actor_of
from services.playbooks.api.listings import LISTS
from services.playbooks.core.commands import Command, fault
from services.playbooks.core.item import NotPossible
from services.playbooks.core.workinghours import parse_duration
from services.playbooks.core.writing import Written, write, written_id
from services.playbooks.views.desk import TaskView
from services.playbooks.views.moves import NewTask
from shared.auth.keys import Caller, require
from shared.web.problems import Problem
from shared.web.routes import Router

(_TASKS,) = [one for one in LISTS if one.name == "task"]


def routes(desk: Desk) -> Router:
    """`POST /v1/tasks`."""
    router = Router(prefix="/v1", tags=["desk"])

    @router.post("/tasks", status_code=201, response_model=TaskView, summary="Write a task by hand")
    async def written(
        body: NewTask,
        caller: Annotated[Caller, Depends(require("operate"))],
        response: Response,
        idempotency_key: Annotated[
            str | None, Header(max_length=256, description="Of your own: the same again is the same task.")
        ] = None,
    ) -> TaskView:
        """The assignee is told as of any other; without one, the account's owner or whoever stands in for them."""
        shown, response.headers["ETag"] = await _write(desk, body, actor_of(caller), idempotency_key)
        return shown

    return router


async def _write(desk: Desk, body: NewTask, actor: str, key: str | None) -> tuple[TaskView, str]:
    now, said = desk.clock.now(), body.model_dump_json()
    id = written_id(actor, key if key is not None else f"{said} {now.isoformat()}")
    async with desk.uow.begin() as c:
        known = await store.claim_written(c, id, hashlib.sha256(said.encode()).hexdigest(), now)
        if known is None:
            await _add(c, desk, body, id, actor)
        elif known != hashlib.sha256(said.encode()).hexdigest():
            words = "Another task was written under this Idempotency-Key. Send a new key with what is new."
            raise Problem(422, "key_reused", words)
        shown, tag = await desk.shown(c, _TASKS, id)
    desk.wake()
    assert isinstance(shown, TaskView)
    return shown, tag


async def _add(c: AsyncConnection, desk: Desk, body: NewTask, id: str, actor: str) -> None:
    # What was written before is the same task, though it is due by now.
    if (wrong := fault(Command("due", due_at=body.due_at), desk.clock.now())) is not None:
        raise Problem(400, "invalid_request", wrong)
    work, partition = await desk.account(c, body.account)
    due = parse_duration(body.due) if body.due is not None else None
    wanted = Written(**{**body.model_dump(exclude={"account"}), "due": due, "matter": body.matter or ""})
    try:
        write(work, body.account, wanted, id, actor, desk.clock.now())
    except NotPossible as error:
        raise Problem(409, "not_possible", str(error)) from None
    await store.save(c, partition, work)
