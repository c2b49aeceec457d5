"""Plans the letters of a batch: one for each person whom an action is for, and for each the reason why not."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.audience import ALREADY, audience, why_not
from services.notifier.core.contacts import Cells
from services.notifier.core.grouping import ALONE, Place, believed
from services.notifier.core.routing import CONTACT, NOBODY, Route, Setup, letter_id
from services.notifier.store import deliveries, written
from services.notifier.store.deliveries import NewDelivery
from services.notifier.writing.admission import address_digest, bounced
from services.notifier.writing.composing import Composer
from shared.messages.actions import ActionRequested
from shared.worker.handler import Incoming


class Planned(NamedTuple):
    """New deliveries, and by their id why some of them go to nobody."""

    new: Sequence[NewDelivery]
    barred: Mapping[str, str]


async def plan(
    c: AsyncConnection, asked: Sequence[Incoming], setup: Setup, composer: Composer, now: datetime
) -> Planned:
    """What these messages become. What there is already is left as it is."""
    people = await _people(c, [one.data for one in asked])
    found, barred = dict[str, NewDelivery](), dict[str, str]()
    for one in asked:
        for contact, reason in _persons(one.data, people.get(one.data.account.id, {}), setup, composer):
            id = letter_id(one.data, contact or "")
            found[id] = _delivery(id, one, contact, now)
            if reason is not None:
                barred[id] = reason
    known, _ = await deliveries.meet(c, {id: Place(group=one.group, gated=False) for id, one in found.items()}, now)
    new = [one for id, one in found.items() if id not in known]
    to = {
        one.id: cells
        for one in new
        if one.id not in barred and (cells := people.get(one.asked.data.account.id, {}).get(one.whom or "")) is not None
    }
    barred |= await bounced(c, to)
    barred |= _doubles([one for one in new if one.id in to.keys() - barred.keys()], to)
    return Planned(new, {one.id: barred[one.id] for one in new if one.id in barred})


async def _people(c: AsyncConnection, actions: Sequence[ActionRequested]) -> Mapping[str, Mapping[str, Cells]]:
    """By account and id, all who may be meant."""
    cards = [(one.account.id, one.message) for one in actions if one.message is not None]
    alone = {(account, card.contact_id) for account, card in cards if card.contact_id is not None}
    found = await written.people(c, {account for account, card in cards if card.contact_id is None})
    for account, some in (await written.persons(c, alone)).items():
        found.setdefault(account, {}).update(some)
    return found


def _persons(
    action: ActionRequested, people: Mapping[str, Cells], setup: Setup, composer: Composer
) -> Sequence[tuple[str | None, str | None]]:
    """Whom to write to, each with the reason why not; nobody, where there is no one."""
    card = action.message
    none_at_all = setup.no_letters or composer.why_not(action)
    if card is None or none_at_all:
        return [(None, none_at_all)]
    meant = audience(action, card, people)
    if meant.why_nobody:
        return [(None, meant.why_nobody)]
    persons: list[tuple[str | None, str | None]] = [(id, why_not(people.get(id), card.consent)) for id in meant.persons]
    return [*persons, (None, meant.left_out)] if meant.left_out else persons


def _doubles(new: Sequence[NewDelivery], to: Mapping[str, Cells]) -> dict[str, str]:
    """Of an action's letters to one address all but the first: two contacts can be one person, or one mailbox."""
    first, found = set[tuple[str, str]](), dict[str, str]()
    for one in new:
        place = one.asked.data.action_id, address_digest(to[one.id])
        if place in first:
            found[one.id] = ALREADY
        first.add(place)
    return found


def _delivery(id: str, one: Incoming, contact: str | None, now: datetime) -> NewDelivery:
    not_before = believed(one.data.not_before, one.event.time, now)
    due_at = now if not_before is None else max(now, not_before)
    route = Route(transport=CONTACT, target=contact or NOBODY)
    return NewDelivery(id, one, route, f"{ALONE}{id}", due_at, whom=contact)


def is_letter(one: Incoming) -> bool:
    """Whether it asks for a message to a customer's people."""
    return isinstance(one.data, ActionRequested) and one.data.kind == "message"
