"""What waits to be sent says how the account stands now, and so does what is told again."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from services.playbooks.core.assignment import Assignment
from services.playbooks.core.episode import Ask, Episode
from services.playbooks.core.item import Item
from services.playbooks.core.look import Look, View
from services.playbooks.core.message import (
    AGAIN,
    OVERDUE,
    Errand,
    Visit,
    also,
    once_more,
    over,
    request,
    titled,
    with_also,
    with_card,
)
from services.playbooks.core.playbook import Playbook, Render
from services.playbooks.core.reasons import MOST_REASONS, Fed, distinct, other_trouble, seen, subjects_of
from services.playbooks.core.standing import Standing
from services.playbooks.core.trouble import held_back
from shared.messages.actions import ActionRequested, Kind
from shared.messages.assessments import Driver

APART: Final = timedelta(minutes=10)
"""What waits is said anew at most that often."""
Feeders = Sequence[Fed]
"""The one that an item's request is of first."""


def says_otherwise(said: ActionRequested, fed: Feeders, stands: Standing) -> bool:
    """Has the band changed since it was said, a reason, or what else is open? What an event was is told once."""
    if said.account.band != stands.band:
        return True
    now_fed = [(one, _looked(one, episode, stands)) for one, episode in fed]
    if other_trouble(stands, stands.at, now_fed, said.drivers, said.why) != said.trouble:
        return True
    return not _is_of_event(fed) and any(one not in said.why for one in _seen(fed, stands, said.drivers))


def trouble_since(offer: ActionRequested, stands: Standing) -> str | None:
    """Why an offer that waits is not to go as the account stands now, if anything."""
    return held_back(_look(stands).facts, stands.at, offer.flag.kind if offer.flag is not None else None)


def as_told(item: Item) -> ActionRequested:
    """What an item says; of what has passed though somebody has taken it up, that it has."""
    return over(item.request, item.over_since, item.over_because) if item.over_since is not None else item.request


def as_now(said: ActionRequested, fed: Feeders, stands: Standing, render: Render) -> ActionRequested:
    """What it says with the facts as they are now."""
    now_fed = [(one, _looked(one, episode, stands)) for one, episode in fed]
    said = with_card(said, stands, now_fed)
    if not fed or fed[0][1].id != said.episode_id or _is_of_event(fed) or said.step >= len(fed[0][0].steps):
        return said
    playbook, episode = now_fed[0]
    told_of_task = said.task is None and playbook.steps[said.step].kind == "task"
    is_late = told_of_task and said.title.removeprefix(AGAIN).startswith(OVERDUE)
    if told_of_task and not is_late:
        # What it tells a manager was so when it was given.
        return said
    kind: Kind = "task" if said.task is not None else "flag" if said.flag is not None else "alert"
    ask = Ask(
        id=said.action_id, episode=episode.id, kind=kind, step=said.step, occurrence=episode.occurrence, by_time=True
    )
    visit = Visit(stands, _look(stands))
    now = request(Errand(ask, playbook, episode, visit), Assignment(None, ""), render)
    others = [one.reason for one in said.drivers] or stands.low
    why = distinct([*_seen(fed, stands, said.drivers), *others]) or now.why
    title, do = now.title, with_also(now.do, also(said.do))
    if is_late:
        title, do, why = f"{OVERDUE}{title}", said.do, [said.why[0], *why][:MOST_REASONS]
    title = once_more(title) if said.title.startswith(AGAIN) else title
    flag = said.flag and msgspec.structs.replace(said.flag, reasons=why)
    trouble = other_trouble(stands, stands.at, now_fed, said.drivers, why)
    return titled(msgspec.structs.replace(said, do=do, why=why, trouble=trouble, flag=flag), title)


def _is_of_event(fed: Feeders) -> bool:
    return any(playbook.on_event is not None for playbook, _ in fed)


def _seen(fed: Feeders, stands: Standing, drivers: Sequence[Driver]) -> list[str]:
    """The first reasons that the conditions give now and no driver has told."""

    def all_of_them() -> Iterator[str]:
        for playbook, episode in fed:
            yield from seen(playbook, _looked(playbook, episode, stands), stands, subjects_of(drivers))

    return list(dict.fromkeys(all_of_them()))[:MOST_REASONS]


def _look(stands: Standing) -> Look:
    return Look.of(stands.account, stands.facts, stands.at, occasion="again")


def _looked(playbook: Playbook, episode: Episode, stands: Standing) -> Episode:
    """The episode as if it fired now."""
    return msgspec.structs.replace(episode, readings=View(playbook, _look(stands)).readings() or episode.readings)
