"""What would come of a playbook at one account if nothing else happened: the step function goes from timer to timer on
the facts as they are."""

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from services.playbooks.core.episode import Episode
from services.playbooks.core.leaves import LeafSeen, leaves_seen
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.step import step
from shared.conditions import Truth
from shared.words import clock_time, listed

SOON: Final = timedelta(days=7)
_LONGEST_HELD: Final = timedelta(days=400)
_MOST_LOOKS: Final = 200
State = Literal["now", "held", "by_time", "event", "false", "not_for_account", "unknown", "importing", "muted", "gone"]
"""`now`: it holds. `held`: it holds, and fires when it has for long enough. `by_time`: time alone makes it fire.
`event`: it fires when its event comes. Of the others nothing is to come: what it asks is not so, the account is none of
those that it is for, nobody knows, an import is open, the account is muted, or it has left."""


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What would come of it at one account."""

    state: State
    at: datetime | None = None
    """When it fires, if nothing else happens."""
    reasons: tuple[str, ...] = ()
    """What makes or keeps it so, in words."""

    @property
    def words(self) -> str:
        """The same as a sentence."""
        at, because = clock_time(self.at) if self.at is not None else "", listed(list(self.reasons))
        match self.state:
            case "now":
                return f"It would fire now: {because}."
            case "held":
                return f"It holds ({because}), and would fire at {at} if it goes on."
            case "by_time":
                return f"Time alone would make it fire at {at}."
            case "event":
                return "It is for this account, and waits for its event."
            case "not_for_account":
                return f"It is not for this account: {because}."
            case "unknown":
                return f"Nobody can say: {because}."
            case _:
                return f"It would not fire: {because}."


def outlook(playbook: Playbook, look: Look, soon: timedelta = SOON) -> Outlook:
    """Go on as time does, for so long; for longer where it holds already."""
    first = step(playbook, None, look)
    episode, at, timer = first.episode, look, first.timer
    holds = episode is not None and episode.state == "pending"
    until = look.now + (_LONGEST_HELD if holds else soon)
    stepped = first
    for _ in range(_MOST_LOOKS):
        if stepped.fired and episode is not None:
            state: State = "now" if at is look else "held" if holds else "by_time"
            return Outlook(state=state, at=at.now, reasons=_held(playbook, at))
        if timer is None or timer > until:
            break
        at = msgspec.structs.replace(look, now=timer, occasion=f"at {timer.isoformat()}", by_time=True, cause=None)
        stepped = step(playbook, episode, at)
        episode, timer = stepped.episode, stepped.timer
    return _nothing(playbook, look, episode, timer, holds=holds)


def _nothing(
    playbook: Playbook, look: Look, episode: Episode | None, timer: datetime | None, *, holds: bool
) -> Outlook:
    view, seen = View(playbook, look), leaves_seen(playbook, look)
    if view.is_left:
        return Outlook(state="gone", reasons=(look.departed or "it stands for the installation itself",))
    if (silence := look.silence(playbook.id)) is not None:
        return Outlook(state="muted", reasons=(silence,))
    if look.quiet:
        return Outlook(state="importing", reasons=("an import is open",))
    if view.in_scope is Truth.FALSE:
        return Outlook(state="not_for_account", reasons=_so(seen, Truth.FALSE, "for_accounts"))
    if playbook.on_event is not None:
        known = view.in_scope is Truth.TRUE
        return Outlook(state="event" if known else "unknown", reasons=_so(seen, Truth.UNKNOWN, "for_accounts"))
    if holds and episode is not None and episode.is_under_way:
        return Outlook(state="held", at=timer, reasons=_held(playbook, look))
    if view.applies is Truth.UNKNOWN:
        return Outlook(state="unknown", reasons=_so(seen, Truth.UNKNOWN, "for_accounts", "when"))
    if view.exits:
        return Outlook(state="false", reasons=("what ends it is so already", *_so(seen, Truth.TRUE, "exit_when")))
    return Outlook(state="false", reasons=_so(seen, Truth.FALSE, "for_accounts", "when"))


def _held(playbook: Playbook, look: Look) -> tuple[str, ...]:
    return _so(leaves_seen(playbook, look), Truth.TRUE, "when")


def _so(seen: list[LeafSeen], truth: Truth, *places: Any) -> tuple[str, ...]:
    return tuple(one.words for one in seen if one.where in places and one.truth is truth)
