"""What is left of what playbooks keep, when a contact or an account is to be forgotten: what happened and when, without
a word that names anybody."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.episodes import Ending, Episodes
from services.playbooks.core.item import Item
from services.playbooks.core.look import Look
from services.playbooks.core.moved import MovedItem
from services.playbooks.core.outward import Left
from services.playbooks.core.standing import Standing
from services.playbooks.core.step import leave
from shared.conditions import LeafReading
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.erasing import ERASED, NAMES_NOBODY, Forgetting, texts_of

CONTACT_ERASED: Final = "the contact was erased"
ACCOUNT_ERASED: Final = "the account was erased"
_SAYS_SO: Final = frozenset({CONTACT_ERASED, ACCOUNT_ERASED})
"""Reasons of the erasure itself."""
_STAYS: Final = frozenset({*(f"event.{name}" for name in NAMES_NOBODY), "event.type", "event.source", "event.time"})


def forgotten_by(account: str, assessed: AccountAssessed, before: Standing | None) -> Forgetting | None:
    """Whom an assessment says to forget: a contact, or the account, once."""
    if assessed.erased is not None:
        return Forgetting.of(account, assessed.erased)
    is_news = before is None or before.gone != ACCOUNT_ERASED
    return Forgetting(account) if assessed.gone == "erased" and is_news else None


def end_about(forgetting: Forgetting, episodes: Episodes, look: Look) -> dict[str, Ending]:
    """End the episodes about a contact who is to be forgotten, quietly; one that was fired more often may be about
    others, too. Those of an account have ended with it."""
    ended: dict[str, Ending] = {}
    why = Ending(look.account, look.now, CONTACT_ERASED, look.actor, departed=True, is_news=False)
    for one in list(episodes.at(look.account).values()):
        if one.is_open and one.occurrence <= 1 and is_about(one, forgetting):
            episodes.keep(leave(one, look, why.reason))
            episodes.call_back(one, why.reason, look.now)
            ended[one.id] = why
    return ended


def is_about(episode: Episode, forgetting: Forgetting) -> bool:
    """Whether an episode is about them: whether the event is that fired it."""
    return forgetting.whole or (episode.event is not None and forgetting.is_about(episode.event.data))


def found_by(episodes: Iterable[Episode]) -> Iterator[str]:
    """By what they are found in texts, as these episodes about them know it."""
    for one in episodes:
        if one.event is not None:
            yield from texts_of(one.event.data, one.event.contact_name)


def episode_left(episode: Episode, forgetting: Forgetting) -> Episode:
    """The episode, as it may stay."""
    about = is_about(episode, forgetting)
    event = episode.event
    return msgspec.structs.replace(
        episode,
        subject=forgetting.id(episode.subject) if about else episode.subject,
        event=_cause_left(event) if about and event is not None else event,
        readings=tuple(_leaf_left(one, forgetting, about) for one in episode.readings),
        at_firing=forgetting.within(episode.at_firing),
        outcome=_text_left(episode.outcome, forgetting, about=False),
    )


def item_left(item: Item, forgetting: Forgetting, about: AbstractSet[str]) -> Item:
    """The item, as it may stay; `about` are the ids of the episodes about them."""
    mine = is_theirs(item, forgetting, about)
    request = forgetting.action(item.request, about=mine)
    names = tuple(map(forgetting.id, item.names))
    left: dict[str, Any] = {
        name: _text_left(getattr(item, name), forgetting, mine) for name in ("note", "over_because")
    }
    left["checklist"] = tuple(
        msgspec.structs.replace(one, text=_text_left(one.text, forgetting, mine)) for one in item.checklist
    )
    subject = forgetting.id(item.subject) if mine else item.subject
    return item._replace(request=request, names=names, subject=subject, **left)


def mute_left(stands: Standing, forgetting: Forgetting) -> Standing:
    """An account's standing with the reason of its mute, as that may stay."""
    if stands.muted is None:
        return stands
    reason = _text_left(stands.muted.reason, forgetting, forgetting.whole)
    return msgspec.structs.replace(stands, muted=msgspec.structs.replace(stands.muted, reason=reason))


def is_theirs(item: Item, forgetting: Forgetting, about: AbstractSet[str]) -> bool:
    """Whether an item is about them, and about nobody else."""
    if forgetting.whole:
        return True
    if len(item.names) > 1:
        return False
    return item.request.contact_id == forgetting.contact_id or not about.isdisjoint(
        (item.episode_id, item.request.episode_id, *item.feeders)
    )


def move_left(move: Move, forgetting: Forgetting, about: bool) -> Move:
    """The move, as it may stay; `about`: of an episode or item about them."""
    readings = None if move.readings is None else tuple(_leaf_left(one, forgetting, about) for one in move.readings)
    return msgspec.structs.replace(move, reason=_text_left(move.reason, forgetting, about), readings=readings)


def left_with(forgotten: Sequence[Forgetting], episodes: Iterable[Episode]) -> Left:
    """What others are told of items, and of their last moves, where these are forgotten in the same transaction, which
    has moved these episodes."""
    known = list(episodes)
    ways = {one.account: _way(one, known) for one in forgotten}

    def left(item: Item, move: Move) -> tuple[Item, Move]:
        if (way := ways.get(item.account_id)) is None:
            return item, move
        forgetting, about = way
        stays = item_left(item, forgetting, about)
        return stays, move_left(move, forgetting, is_theirs(item, forgetting, about))

    return left


def _way(forgetting: Forgetting, episodes: Iterable[Episode]) -> tuple[Forgetting, set[str]]:
    theirs = [one for one in episodes if one.account == forgetting.account and is_about(one, forgetting)]
    return forgetting.with_texts(found_by(theirs)), {one.id for one in theirs}


def listed_left(row: MovedItem, forgetting: Forgetting) -> MovedItem:
    """What moved, as its list may tell it: why names the account, and may be in a person's words."""
    return row._replace(why=_text_left(row.why, forgetting, forgetting.whole))


def _text_left(text: str, forgetting: Forgetting, about: bool) -> str:
    if text in _SAYS_SO:
        return text
    return ERASED if about and text else forgetting.clean(text)


def _cause_left(cause: Cause) -> Cause:
    data = {name: value for name, value in cause.data.items() if name in NAMES_NOBODY}
    return msgspec.structs.replace(cause, data=data, contact_name=None, contact_role=None)


def _leaf_left(leaf: LeafReading, forgetting: Forgetting, about: bool) -> LeafReading:
    """Of what an event about them was asked for only what names nobody."""
    fact = next((word for word in leaf.text.split() if word.startswith("event.")), None)
    if about and fact is not None and fact not in _STAYS:
        return msgspec.structs.replace(leaf, value=ERASED, words=ERASED)
    return msgspec.structs.replace(leaf, value=forgetting.clean(leaf.value), words=forgetting.clean(leaf.words))
