"""One batch of `keepwell.actions`: what is asked for becomes deliveries, what is cancelled stops waiting."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core import grouping, routing
from services.notifier.store import deliveries
from services.notifier.store.deliveries import NewDelivery
from shared.messages import tracing
from shared.messages.actions import ActionCancelled, ActionRequested
from shared.worker.handler import Handler, Incoming


class NotifierHandler(Handler):
    """Writes delivery rows, once for each id. `wake` is told the transports that got something to send."""

    def __init__(self, setup: routing.Setup, wake: Callable[[Iterable[str]], None]) -> None:
        self._setup = setup
        self._wake = wake
        self._touched: dict[int, set[str]] = {}

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Plan the deliveries of a batch and cancel what it cancels: an action's cancelling always follows it."""
        del behind
        asked = {
            routing.delivery_id(incoming.data): incoming
            for incoming in batch
            if isinstance(incoming.data, ActionRequested)
        }
        touched = await self._plan(c, partition, asked, now) if asked else set()
        reasons = {i.data.action_id: i.data.reason for i in batch if isinstance(i.data, ActionCancelled)}
        if reasons:
            await deliveries.cancel(c, reasons, now)
        self._touched[partition] = touched

    async def _plan(self, c: AsyncConnection, partition: int, asked: dict[str, Incoming], now: datetime) -> set[str]:
        known = await deliveries.known(c, list(asked))
        planned = []
        for id, incoming in asked.items():
            if id not in known:
                route = routing.route(incoming.data, self._setup)
                planned.append((id, incoming, route, grouping.place(incoming.data, route, now)))
        gated = [place.group for _, _, _, place in planned if place.gated]
        gates = await deliveries.lock_gates(c, gated, now) if gated else {}
        new = []
        for id, incoming, route, place in planned:
            due_at = place.not_before or now
            if place.gated:
                gates[place.group], due_at = grouping.through(gates[place.group], now)
            new.append(_row(id, incoming, route, place.group, due_at))
        if gates:
            await deliveries.set_gates(c, gates)
        await deliveries.add(c, partition, new, now)
        return {row.transport for row in new}

    def forget(self, partition: int) -> None:
        """Nothing is remembered but whom to wake."""
        self._touched.pop(partition, None)

    def committed(self, partition: int) -> None:
        """Wake the senders that have something new."""
        touched = self._touched.pop(partition, None)
        if touched:
            self._wake(touched)


def _row(id: str, incoming: Incoming, route: routing.Route, group: str, due_at: datetime) -> NewDelivery:
    action: ActionRequested = incoming.data
    return NewDelivery(
        id=id,
        action_id=action.action_id,
        account_id=action.account.id,
        kind=action.kind,
        playbook=action.playbook,
        recipient=action.recipient.id if action.recipient else "",
        transport=route.transport,
        target=route.target,
        shared=route.shared,
        because=route.because,
        group_key=group,
        due_at=due_at,
        action=bytes(incoming.event.data),
        traceparent=incoming.record.headers.get(tracing.HEADER),
        caused_at=action.caused_at or incoming.event.accepted,
    )
