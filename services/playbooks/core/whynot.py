"""Why a playbook has not fired for an account: everything that keeps it from that, each in words, and what is the case
instead. Every reason is a row of `_REASONS`, which asks one thing; what keeps it most comes first."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.days import Past
from services.playbooks.core.episode import Episode
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.leaves import LeafSeen, leaves_seen, of
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.core.standing import Standing
from shared.conditions import Truth
from shared.words import clock_time, listed


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that keeps it from firing, or why nobody heard that it fired."""

    code: str
    words: str
    until: datetime | None = None
    """When that ends if nothing happens."""
    episode: str | None = None
    items: tuple[str, ...] = ()


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """Why not, most important first; without a reason nothing keeps it."""

    reasons: tuple[Reason, ...]
    leaves: tuple[LeafSeen, ...]

    @property
    def words(self) -> str:
        """The first reason, as a sentence."""
        return self.reasons[0].words


class Case(NamedTuple):
    """What is asked about."""

    playbook: Playbook
    stands: Standing
    look: Look
    view: View
    leaves: Sequence[LeafSeen]
    episodes: Sequence[Episode]
    """The last of the playbook here; where it has one for each of several contacts or tickets, of each."""
    items: Mapping[str, Sequence[Item]]
    """By the episode that feeds them."""
    has_met: bool
    """Has the account met this version of the playbook?"""

    def some(self, *states: str) -> Iterator[Episode]:
        """The episodes in these states."""
        return (one for one in self.episodes if one.state in states)

    def leaves_of(self, where: Any, truth: Truth) -> str:
        """The leaves of a condition that are so, in words."""
        return listed([one.told for one in of(self.leaves, where, truth)])


def why_not(
    playbook: Playbook,
    stands: Standing,
    look: Look,
    episodes: Iterable[Episode] = (),
    items: Iterable[Item] = (),
    *,
    past: Past | None = None,
    met: Collection[int] | None = None,
    checksum: int | None = None,
) -> WhyNot:
    """All reasons. `met` are the checksums of the playbooks that the account has met, and `checksum` is this one's."""
    leaves, feeds = leaves_seen(playbook, look, past), dict[str, list[Item]]()
    for item in items:
        for id in {item.episode_id, *item.feeders} if item.state in OPEN else ():
            feeds.setdefault(id, []).append(item)
    has_met = met is None or checksum in (None, *met)
    case = Case(playbook, stands, look, View(playbook, look), leaves, list(episodes), feeds, has_met)
    found = [reason for ask in _REASONS for reason in ask(case)]
    return WhyNot(reasons=tuple(found or _nothing(case)), leaves=tuple(leaves))


def _gone(case: Case) -> Iterator[Reason]:
    if case.stands.gone is not None:
        yield Reason(code="gone", words=f"Nothing is asked about this account any more: {case.stands.gone}.")


def _left(case: Case) -> Iterator[Reason]:
    if case.stands.gone is None and case.view.is_left:
        because = case.look.departed or "it stands for the installation itself"
        words = f"Nothing but what minds that is asked about this account: {because}."
        yield Reason(code="left", words=words)


def _off(case: Case) -> Iterator[Reason]:
    if case.playbook.off:
        yield Reason(code="off", words="The playbook is switched off: put it with `mode: live` to have it.")


def _silent(case: Case) -> Iterator[Reason]:
    if case.look.muted is not None:
        until = case.stands.muted.until if case.stands.muted is not None else None
        yield Reason(code="muted", words=f"The account is muted: {case.look.muted}.", until=until)
    if (reason := case.look.paused.get(case.playbook.id)) is not None:
        yield Reason(code="paused", words=f"The playbook is paused: {reason}.")


def _quiet(case: Case) -> Iterator[Reason]:
    if case.stands.quiet and case.playbook.on_event is None:
        words = "An import is open for this account: nothing fires until it has ended, and what holds then is found so."
        yield Reason(code="importing", words=words)


def _scope(case: Case) -> Iterator[Reason]:
    playbook = case.playbook
    if playbook.for_accounts is None or case.view.is_left or case.look.quiet:
        return
    truth = case.view.in_scope
    if truth is Truth.FALSE:
        words = f"It is not for this account: {case.leaves_of('for_accounts', truth)}."
        yield Reason(code="not_for_account", words=words)
    elif truth is Truth.UNKNOWN and not case.view.is_withheld:
        words = f"Whether it is for this account is not known: {case.leaves_of('for_accounts', truth)}."
        yield Reason(code="not_known_for_account", words=words)


def _condition(case: Case) -> Iterator[Reason]:
    playbook = case.playbook
    if playbook.when is None or case.look.quiet or playbook.on_event is not None:
        return
    truth = case.view.when
    if truth is Truth.FALSE:
        words = f"What it waits for is not so: {case.leaves_of('when', truth)}."
        yield Reason(code="when_false", words=words)
    elif truth is Truth.UNKNOWN and not case.view.is_withheld:
        words = f"Whether what it waits for is so is not known: {case.leaves_of('when', truth)}."
        yield Reason(code="when_unknown", words=words)


def _interrupted(case: Case) -> Iterator[Reason]:
    if case.view.is_withheld or case.playbook.id in case.stands.unasked:
        sources = listed(sorted(case.look.interrupted)) or "a source"
        words = f"Nobody can say: what it asks rests on {sources}, which is interrupted."
        yield Reason(code="interrupted", words=words)


def _exits(case: Case) -> Iterator[Reason]:
    if case.playbook.exit_when is not None and case.view.exits:
        words = f"What ends it is so already: {case.leaves_of('exit_when', Truth.TRUE)}."
        yield Reason(code="exit_holds", words=words)


def _event(case: Case) -> Iterator[Reason]:
    playbook = case.playbook
    if playbook.on_event == STARTED and not any(one.fired_at for one in case.episodes):
        yield Reason(code="not_started", words="It begins only when another playbook starts it, and none has.")
    elif playbook.on_event not in (None, STARTED) and not any(True for _ in case.some("active", "resting")):
        asked = [one.text for one in case.leaves if one.where == "when" and one.text.startswith("event.")]
        such = f" with {listed(asked)}" if asked else ""
        last = max((one.fired_at for one in case.episodes if one.fired_at is not None), default=None)
        since = f" since {clock_time(last)}" if last is not None else ""
        yield Reason(code="no_event", words=f"No event {playbook.on_event}{such} has come{since}.")


def _pending(case: Case) -> Iterator[Reason]:
    for one in case.some("pending"):
        at = case.view.next_look(one)
        if (until := case.playbook.may_fire_at(one.fired, one.closed_at)) is not None and until > case.look.now:
            yield _rests(until, one)
        elif one.running_since is None:
            words = "It holds for too short a time yet, and its clock stands: what it asks is not known at the moment."
            yield Reason(code="held", words=words, episode=one.id)
        else:
            since, held = clock_time(one.since), case.playbook.held_for.words
            by = f" Its clock is looked at next at {clock_time(at)}." if at is not None else ""
            words = f"It holds since {since}, and has to for {held}.{by}"
            yield Reason(code="held", words=words, until=at, episode=one.id)


def _resting(case: Case) -> Iterator[Reason]:
    for one in case.some("resting"):
        if one.rests_until is not None and one.rests_until > case.look.now:
            yield _rests(one.rests_until, one)


def _rests(until: datetime, one: Episode) -> Reason:
    fired = f" It fired last at {clock_time(one.fired[-1])}." if one.fired else ""
    words = f"It may fire again from {clock_time(until)}.{fired}"
    return Reason(code="resting", words=words, until=until, episode=one.id)


def _open(case: Case) -> Iterator[Reason]:
    for one in case.some("active"):
        items, fired = case.items.get(one.id, ()), one.fired_at or one.opened_at
        open_ = listed([f"the {item.kind} {item.request.title!r} ({item.state})" for item in items])
        about = f" about {case.playbook.per} {one.subject}" if one.subject else ""
        still = f": {open_} {'is' if len(items) == 1 else 'are'} open" if items else ""
        words = f"It has fired{about}, at {clock_time(fired)}, and goes on{still}."
        yield Reason(code="open", words=words, episode=one.id, items=tuple(item.id for item in items))


def _held_back(case: Case) -> Iterator[Reason]:
    for one in case.some("active"):
        for planned in one.planned:
            step = case.playbook.steps[planned.step] if planned.step < len(case.playbook.steps) else None
            if step is not None and planned.held_back and (trouble := case.view.trouble(step.flag_kind)) is not None:
                words = f"Its offer is held back while the account is in trouble: {trouble}."
                yield Reason(code="held_back", words=words, until=planned.until, episode=one.id)


def _found(case: Case) -> Iterator[Reason]:
    for one in case.some("found"):
        words = (
            f"It was so before anybody looked (found in {one.found_in}): start it by hand, if something is to be done."
        )
        yield Reason(code="found", words=words, episode=one.id)


def _over(case: Case) -> Iterator[Reason]:
    for one in case.some("over"):
        ended = f" at {clock_time(one.ended_at)}" if one.ended_at is not None else ""
        words = f"It has ended{ended} ({one.outcome}), and is asked about again once what it waits for was not so."
        yield Reason(code="over", words=words, episode=one.id)


def _not_met(case: Case) -> Iterator[Reason]:
    if not case.has_met and case.stands.gone is None and not case.playbook.off:
        words = "It is new or changed, and this account has yet to be looked at with it: what holds then is found so."
        yield Reason(code="not_met", words=words)


def _held_out(case: Case) -> Iterator[Reason]:
    if is_held_out(case.playbook, case.stands.account):
        words = (
            f"The account is one of the {case.playbook.holdout} % that the playbook holds out: there it only decides, "
            "and asks for nothing, so that one sees what it brings."
        )
        yield Reason(code="holdout", words=words)


def _shadow(case: Case) -> Iterator[Reason]:
    if case.playbook.shadow:
        yield Reason(
            code="shadow", words="It runs in the shadow: it decides and lists what it would do, and tells nobody."
        )


def _nothing(case: Case) -> Iterator[Reason]:
    ended = [one for one in case.episodes if one.ended_at is not None]
    last = (
        f" It ended last at {clock_time(ended[-1].ended_at)}: {ended[-1].outcome}."
        if ended and ended[-1].ended_at
        else ""
    )
    yield Reason(code="nothing", words=f"Nothing keeps it: it fires when the account is looked at next.{last}")


_REASONS: Final[tuple[Callable[[Case], Iterator[Reason]], ...]] = (
    *(_off, _gone, _left, _silent, _open, _found, _quiet, _interrupted, _scope, _condition, _event, _exits),
    *(_pending, _resting, _over, _held_back, _not_met, _held_out, _shadow),
)
