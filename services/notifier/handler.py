"""One batch: what is asked for becomes deliveries, what is cancelled stops waiting, what has moved says so where it
was told, and what is told of customers' people goes into the address book."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import preferences
from services.notifier.core import grouping, routing
from services.notifier.core.contacts import Told, keys_of
from services.notifier.core.delivery import Expected
from services.notifier.core.preferring import UNSET, channelled, in_peace
from services.notifier.hooks.telling import Telling
from services.notifier.store import contacts, deliveries, erasing, updating
from services.notifier.store.deliveries import NewDelivery
from services.notifier.store.endpoints import KnownEndpoints
from services.notifier.store.updating import Refused
from services.notifier.writing.composing import Composer
from services.notifier.writing.planning import Planned, is_letter, plan
from shared.messages.accounts import AccountErased, ContactErased
from shared.messages.actions import ActionCancelled, ActionRequested, ItemChanged, Recipient
from shared.messages.erasing import Forgetting
from shared.messages.preferences import Preferences, PreferencesChosen
from shared.pg import bulk
from shared.worker.handler import Handler, Incoming

_LOG = logging.getLogger(__name__)


class NotifierHandler(Handler):
    """Writes delivery rows, once for each id. Once that is committed, `expect` is told what is new, a transport at a
    time, `wake` the transports that got something else to send, and `call` that endpoints are to be called. `wants`
    tells what a recipient has set, and `composer` which templates there are."""

    def __init__(
        self,
        setup: routing.Setup,
        wake: Callable[..., None],
        expect: Callable[[str, Sequence[Expected]], None],
        wants: Callable[[Recipient | None], Preferences] = lambda _: UNSET,
        composer: Composer | None = None,
        known: KnownEndpoints | None = None,
        call: Callable[[], None] = lambda: None,
    ) -> None:
        self._setup = setup
        self._wants = wants
        self._composer = composer or Composer(dict)
        self._wake = wake
        self._expect = expect
        self._telling = Telling(known or KnownEndpoints())
        self._call = call
        self._called: dict[int, bool] = {}
        self._read: dict[int, bool] = {}
        """By partition: whether all has been read that waited when it was taken."""
        self._new: dict[int, dict[str, list[Expected]]] = {}
        self._touched: dict[int, set[str]] = {}

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Plan the deliveries of a batch, cancel what it cancels, and bring up to date what was told and moved: both
        always follow the action. What can't be brought yet is written all the same, and ends at once, with the reason.
        """
        del behind
        forgotten = await self._note_contacts(c, batch)
        taken = await self._telling.take(c, partition, batch, now)
        planned = await self._plan_letters(c, partition, [one for one in batch if is_letter(one)], now)
        wanted = [one for one in batch if _is_for_people(one, taken) and not is_letter(one)]
        asked = {routing.delivery_id(one.data): one for one in wanted}
        new = [*planned.new, *(await self._plan(c, partition, asked, now) if asked else [])]
        carried = {one.data.action_id: routing.not_yet(one.data) for one in asked.values()}
        reasons = {id: reason for id, reason in carried.items() if reason is not None}
        reasons |= {one.data.action_id: one.data.reason for one in batch if isinstance(one.data, ActionCancelled)}
        said = [one for one in batch if isinstance(one.data, ItemChanged)]
        changed = {one.data.item_id: (one.data, one.event.time) for one in said if one.data.refused is None}
        over = {one.action_id: one for one, _ in changed.values() if one.action_id and one.over_since is not None}
        if reasons or changed or forgotten or planned.barred:
            # These look for what is new, too.
            await bulk.written(c)
        await deliveries.bar(c, planned.barred, now)
        if reasons:
            await deliveries.cancel(c, reasons, now)
            await self._telling.cancel(c, reasons, now)
        self._called[partition] = taken is not None
        gone = reasons.keys() | planned.barred.keys()
        self._new[partition] = _by_transport(one for one in new if gone.isdisjoint((one.id, one.asked.data.action_id)))
        self._touched[partition] = touched = await updating.update(c, changed, now) if changed else set()
        if over:
            touched |= await deliveries.amend(c, over, now)
        if refused := [Refused.of(one) for one in said if one.data.refused is not None]:
            touched |= await self._refuse(c, partition, refused, now)
        for forgetting in forgotten:
            touched |= await erasing.forget(c, forgetting, now)
        if chosen := [one.data for one in batch if isinstance(one.data, PreferencesChosen)]:
            await preferences.put_chosen(c, chosen)

    async def _refuse(self, c: AsyncConnection, partition: int, refused: Sequence[Refused], now: datetime) -> set[str]:
        """Tell whoever clicked in Slack. Over HTTP they heard it at once, and by a link they read it where they act."""
        for one in refused:
            _LOG.info("%s can't have what they asked for with %s: %s", one.actor, one.item_id, one.words)
        clicked = [one for one in refused if one.can_be_told] if self._setup.slack else []
        await updating.refuse(c, partition, clicked, now)
        return {"slack"} if clicked else set()

    async def _note_contacts(self, c: AsyncConnection, batch: Sequence[Incoming]) -> list[Forgetting]:
        """Fold what is told of people into the address book. Returns who is to be forgotten, by all they are found by.

        Playbooks tell of them too, when nothing of theirs says anything any more: what they told before came before.
        """
        told = [(one.event, one.data) for one in batch if isinstance(one.data, Told)]
        if not told:
            return []
        book = await contacts.load(c, [key for event, data in told for key in keys_of(event.subject, data)])
        forgotten: list[Forgetting] = []
        for event, data in told:
            if isinstance(data, ContactErased | AccountErased):
                forgotten.append(Forgetting.of(event.subject, data).with_texts(book.texts_of(event.subject, data)))
            book.fold(event, data)
        await contacts.save(c, book)
        return forgotten

    async def _plan_letters(
        self, c: AsyncConnection, partition: int, asked: Sequence[Incoming], now: datetime
    ) -> Planned:
        """Plan what is to be written to customers' people, and say why somebody is not written to."""
        if not asked:
            return Planned([], {})
        planned = await plan(c, asked, self._setup, self._composer, now)
        await deliveries.add(c, partition, planned.new, {}, now)
        return planned

    async def _plan(
        self, c: AsyncConnection, partition: int, asked: dict[str, Incoming], now: datetime
    ) -> list[NewDelivery]:
        wants = {id: self._wants(one.data.recipient) for id, one in asked.items()}
        routes = {id: routing.route(channelled(one.data, wants[id]), self._setup) for id, one in asked.items()}
        places = {id: _place(asked[id], wants[id], route, now) for id, route in routes.items()}
        known, gates = await deliveries.meet(c, places, now)
        await deliveries.restate(c, {id: asked[id] for id in known if asked[id].data.revision})
        new = []
        for id, place in places.items():
            if id in known:
                continue
            due_at = place.not_before or now
            if place.gated:
                gates[place.group], due_at = grouping.through(gates[place.group], now)
            new.append(NewDelivery(id, asked[id], routes[id], place.group, due_at))
        await deliveries.add(c, partition, new, gates, now)
        return new

    def knows_people(self) -> bool:
        """Whether the address book holds all that was told of people before its partitions were taken."""
        return bool(self._read) and all(self._read.values())

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """What was told of people since its last owner read on is still to be read."""
        del c, now
        self._read[partition] = False

    def looks(self, partition: int, through: datetime) -> bool:
        """All is read that was accepted by `through`, which is later than when the partition was taken."""
        del through
        self._read[partition] = True
        return False

    def forget(self, partition: int) -> None:
        """Nothing is remembered but what to tell the senders, and what was read."""
        self._read.pop(partition, None)
        self._new.pop(partition, None)
        self._touched.pop(partition, None)
        self._called.pop(partition, None)

    def committed(self, partition: int) -> None:
        """Tell the senders what is new."""
        self._wake(*self._touched.pop(partition, ()))
        if self._called.pop(partition, False):
            self._call()
        for transport, new in self._new.pop(partition, {}).items():
            self._expect(transport, new)


def _is_for_people(one: Incoming, called: Collection[str] | None) -> bool:
    return isinstance(one.data, ActionRequested) and not (called and one.data.action_id in called)


def _place(one: Incoming, wants: Preferences, route: routing.Route, now: datetime) -> grouping.Place:
    said: ActionRequested = one.data
    at = grouping.believed(said.not_before, one.event.time, now)
    if at != said.not_before:
        said = msgspec.structs.replace(said, not_before=at)
    return grouping.place(in_peace(said, wants, route, now), route, now)


def _by_transport(new: Iterable[NewDelivery]) -> dict[str, list[Expected]]:
    found: dict[str, list[Expected]] = {}
    for one in new:
        found.setdefault(one.route.transport, []).append(Expected(one.id, one.due_at))
    return found
