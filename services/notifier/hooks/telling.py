"""One batch: what is told becomes a call for each endpoint that it is for. While there is no endpoint, nothing does."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core import calls as core
from services.notifier.core.endpoints import HEALTH, Endpoint, compared
from services.notifier.store import calls
from services.notifier.store.calls import NewCall
from services.notifier.store.endpoints import KnownEndpoints
from shared.messages import tracing
from shared.messages.actions import ActionRequested
from shared.messages.outward import WebhookTold, WebhookType
from shared.worker.handler import Incoming

_CALLED: Final[WebhookType] = "playbook.called"
DISABLED: Final = "its endpoint is disabled"


class Telling:
    """Writes calls, in the batch's transaction."""

    def __init__(self, known: KnownEndpoints) -> None:
        self._known = known

    async def take(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime
    ) -> Collection[str] | None:
        """Write the calls of a batch. Returns the ids of the actions that became one; None where there is no call."""
        told = [one for one in batch if isinstance(one.data, WebhookTold)]
        asked = [one for one in batch if isinstance(one.data, ActionRequested) and one.data.kind == "webhook"]
        if not told and not asked:
            return None
        endpoints = await self._known.look(c)
        if not endpoints:
            return None
        by_name = {one.name: one for one in endpoints if one.name is not None}
        called = [(one, to) for one in asked if (to := by_name.get(_named(one) or "")) is not None]
        new = [_call(to, one, _CALLED, core.called(one.data), now) for one, to in called]
        new += [call async for call in self._of_events(c, told, endpoints, now)]
        await calls.add(c, partition, new, now)
        return {one.data.action_id for one, _ in called} if new else None

    async def cancel(self, c: AsyncConnection, reasons: dict[str, str], now: datetime) -> None:
        """Call back what waits for these actions."""
        if self._known.are_some:
            await calls.cancel(c, reasons, now)

    async def _of_events(
        self, c: AsyncConnection, told: Sequence[Incoming], endpoints: Sequence[Endpoint], now: datetime
    ) -> AsyncIterator[NewCall]:
        wanted = [(one, to) for one in told for to in endpoints if to.wants(one.data.type, one.data.data)]
        of_health = [(one.event.subject, to.id) for one, to in wanted if one.data.type == HEALTH]
        known = await calls.health(c, of_health) if of_health else {}
        changed = {}
        for one, to in wanted:
            data: dict[str, Any] | None = one.data.data
            if one.data.type == HEALTH:
                key = (one.event.subject, to.id)
                data, after = compared(one.data.data, known.get(key), to.score_by)
                if after != known.get(key):
                    known[key] = changed[key] = after
            if data is not None:
                yield _call(to, one, one.data.type, data, now)
        await calls.save_health(c, changed)


def _named(one: Incoming) -> str | None:
    return one.data.webhook.endpoint if one.data.webhook is not None else None


def _call(to: Endpoint, one: Incoming, type: str, data: Any, now: datetime) -> NewCall:
    said = one.data
    is_action = isinstance(said, ActionRequested)
    return NewCall(
        id=core.call_id(one.event.id, to.id),
        endpoint_id=to.id,
        type=type,
        account_id=one.event.subject,
        contact_id=said.contact_id,
        action_id=said.action_id if is_action else None,
        body=core.body_of(type, one.event.time, data),
        state="waiting" if to.enabled else "missed",
        reason="" if to.enabled else DISABLED,
        settled_at=None if to.enabled else now,
        # It goes out as a header.
        traceparent=one.trace if tracing.parse(one.trace) is not None else None,
        caused_at=(said.caused_at if is_action else None) or one.event.accepted,
    )
