"""Why somebody is told: what the event itself did, what the conditions saw, and what else moved the score."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.standing import Standing
from services.playbooks.core.trouble import troubles
from shared.conditions import FACTS, Facts, LeafReading, Truth
from shared.messages.assessments import Cause, Driver
from shared.words import clean

MOST_REASONS: Final = 5
_WORST: Final = "feedback.worst_decision_maker"
_NO_SCORE: Final = -1
_QUOTE: Final = ': "'
_UNKNOWN: Final = "unknown"
_SAME: Final = {"feedback.last_nps": "feedback.nps", "support.urgent_since": "support.urgent"}
"""Facts of which another one tells as well."""
_CARD: Final = ("health.score", "health.previous_score", "health.band", "health.previous_band", "health.change")
"""Facts that the card of the account shows."""
Fed = tuple[Playbook, Episode]
"""An episode that feeds an item, with its playbook."""
_FIGURE: Final = re.compile(r"−?\d[\d.,]*(?= (?:to .?\d|%|(?:working )?days?\b|points?\b|uses?\b|a (?:day|month)))")
"""A number of something; what is numbered (an invoice, a ticket), and what somebody scored, is no such one."""
_FACT: Final = re.compile(r"[a-z_]+(?:\.\w+)+")


def reasons(playbook: Playbook, episode: Episode, stands: Standing, *, fresh: bool) -> list[str]:
    """Why, most important first: what the event itself did, what the conditions saw, what else moved the score."""
    event = f"{episode.event.source} {episode.event.id}" if episode.event is not None else ""
    drivers = drivers_of(episode, stands) if fresh else []
    of_event = [driver for driver in drivers if event in driver.events] if event else []
    answer = "" if of_event or episode.event is None else _answer(episode.event)
    saw = seen(playbook, episode, stands, subjects_of(drivers), of_event=not (of_event or answer))
    others = [driver.reason for driver in _alike(drivers) if driver not in of_event] or ([] if fresh else stands.low)
    told = [*(driver.reason for driver in of_event), answer, *saw, *others]
    return distinct(told) or what_held(playbook, episode)


def distinct(told: Iterable[str]) -> list[str]:
    """The first reasons, without those that are said already: as a part of another, or with other figures."""
    found = dict[str, str]()
    for words in told:
        if words:
            found.setdefault(_FIGURE.sub("#", words), words)
    said = list(found.values())
    return [one for one in said if not any(one != other and one in other for other in said)][:MOST_REASONS]


def _alike(drivers: list[Driver]) -> list[Driver]:
    """Those that moved the score as it moved: what held it up is no reason for its fall."""
    moved = sum(one.points for one in drivers)
    return [one for one in drivers if one.points * moved > 0] or drivers


def seen(
    playbook: Playbook, episode: Episode, stands: Standing, told_by: Collection[str], *, of_event: bool = True
) -> list[str]:
    """What the conditions saw, but for what the card shows, what is not known, and what a driver (of the subjects
    `told_by`) or the event itself says better."""
    low = dict(zip(map(subject, stands.low_names), stands.low, strict=False))
    return [
        low.get(about, leaf.words)
        for leaf in _helped(playbook, episode)
        if (about := subject(leaf.text)) not in (*_CARD, *told_by)
        and leaf.value != _UNKNOWN
        and (of_event or not about.startswith("event."))
    ]


def what_held(playbook: Playbook | None, episode: Episode) -> list[str]:
    """All that the conditions saw; what is not known only where nothing else is."""
    helped = list(_helped(playbook, episode)) if playbook is not None else []
    helped = helped or [one for one in episode.readings if one.truth is Truth.TRUE]
    known = [one.words for one in helped if one.value != _UNKNOWN]
    return list(dict.fromkeys(known or [one.words for one in helped]))


def other_trouble(
    stands: Standing, now: datetime, fed: Iterable[Fed], drivers: Iterable[Driver], why: Collection[str]
) -> list[str]:
    """What is open in trouble at an account besides what is told: what fed the item saw, what moved the score down, and
    the low measures in `why`."""
    low = {subject(name) for name, words in zip(stands.low_names, stands.low, strict=False) if words in why}
    told = subjects_of(one for one in drivers if one.points < 0) | low
    for playbook, episode in fed:
        told |= {subject(leaf.text) for leaf in _helped(playbook, episode)}
        if episode.event is not None and episode.event.data.get("score") == stands.facts.get(_WORST, _NO_SCORE):
            told.add(_WORST)
    found = troubles(Facts.of(stands.facts), now)
    return [one.words for one in found if told.isdisjoint(map(subject, one.about))]


@lru_cache(maxsize=4096)
def subject(words: str) -> str:
    """What a leaf, a measure or a cap is about: the first fact that it names. Days since an instant are about it."""
    found = _FACT.search(words)
    name = found[0] if found is not None else words
    spec = FACTS.get(name)
    name = (spec.linear_of if spec is not None else None) or name
    return _SAME.get(name, name)


def subjects_of(drivers: Iterable[Driver]) -> set[str]:
    """What drivers tell of; of a cap, all that its condition names."""
    return {subject(name) for driver in drivers for name in (_FACT.findall(driver.name) or [driver.name])}


def drivers_of(episode: Episode, stands: Standing) -> list[Driver]:
    """What moved the score. Of the episode's own event: with the contact by name, and what they wrote in full, for
    whoever shall call about it."""
    event = episode.event
    if event is None:
        return stands.drivers
    return [
        msgspec.structs.replace(one, reason=_in_full(one.reason, event))
        if f"{event.source} {event.id}" in one.events
        else one
        for one in stands.drivers
    ]


def _in_full(reason: str, event: Cause) -> str:
    comment, role = event.data.get("comment"), (event.contact_role or "contact").replace("_", " ")
    if isinstance(comment, str) and reason.endswith('…"') and _QUOTE in reason:
        reason = f'{reason.partition(_QUOTE)[0]}{_QUOTE}{clean(comment)}"'
    if event.contact_name and reason.startswith(f"their {role} "):
        reason = f"{event.who}{reason.removeprefix(f'their {role}')}"
    return reason


def _helped(playbook: Playbook, episode: Episode) -> Iterator[LeafReading]:
    """What the last firing saw that made it fire. Which accounts the playbook is for is no reason."""
    for leaf in episode.readings:
        helps = Truth.FALSE if leaf.text in playbook.denied else Truth.TRUE
        if leaf.text not in playbook.for_whom and leaf.truth is helps:
            yield leaf


def _answer(event: Cause) -> str:
    """An answer that moved no score, in words: `Kim (admin) scored us 2: "too slow"`."""
    score, comment = event.data.get("score"), event.data.get("comment")
    if not (event.type or "").startswith("feedback.") or score is None:
        return ""
    return f"{event.who or 'someone there'} scored us {score}" + (f'{_QUOTE}{clean(str(comment))}"' if comment else "")
