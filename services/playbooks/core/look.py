"""What the step function looks at: facts at an instant, what caused the look, and what the conditions say to it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.core.episode import Episode
from services.playbooks.core.of_subject import of_subject
from services.playbooks.core.once import once
from services.playbooks.core.playbook import Playbook, Render
from services.playbooks.core.remembered import beside
from services.playbooks.core.trouble import held_back
from services.playbooks.core.workinghours import OFFICE, Hours, runs_out
from shared.conditions import Condition, Facts, LeafReading, Truth, evaluate, first_flip, leaves, leaves_of
from shared.messages.assessments import Cause
from shared.messages.registry import COMPANY, COMPANY_EVENTS

OURS: Final = "keepwell/playbooks"
"""The source of what playbooks publish."""
MICROSECOND: Final = timedelta(microseconds=1)
_OURS: Final = "sources."
"""Facts about ourselves: of the account that stands for us nothing else is asked."""
DEPARTS: Final = ("account.churned", "account.churned_at", "account.excluded")
"""The facts by which an account leaves every playbook that doesn't mind them."""
_GONE: Final = ("account.churn", "account.excluded")


def departed(facts: Mapping[str, Any]) -> str | None:
    """Why an account with these facts is no customer of ours, or not any more; None: it is one."""
    if facts.get("account.churned") is True or facts.get("account.churned_at") is not None:
        return "the customer left"
    excluded = facts.get("account.excluded")
    return f"it is no customer: {excluded}" if excluded is not None else None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one account."""

    account: str
    values: Mapping[str, Any]
    """The facts as they travel, by name."""
    facts: Facts
    """The same, typed, with the facts of the event that caused the look."""
    now: datetime
    occasion: str
    """What tells this look from every other of the account: `rev 12`, or the instant of a timer."""
    actor: str = "time"
    by_time: bool = True
    """Time alone caused it, no event."""
    cause: Cause | None = None
    """Why the account was assessed; None at a timer of our own, or when a person asked."""
    quiet: bool = False
    """An import is open: every condition counts as unknown, so nothing fires and nothing ends."""
    found_in: str | None = None
    """What holds now is found so: by the end of this import, or by a change of scorecard."""
    act_on_found: bool = False
    muted: str | None = None
    """Why nothing is to be told of the account for a while; steps wait, too."""
    paused: Mapping[str, str] = {}
    """Playbooks that are to fire nothing, by id, each with the reason; what they have begun goes on."""
    interrupted: Collection[str] = ()
    """Sources of evidence that are interrupted: conditions on what rests on them are unknown."""
    hours: Hours = OFFICE
    """The account owner's, for steps after business days."""
    business: Hours = OFFICE
    """The installation's business days, for `held_for`."""
    render: Render = lambda words, _facts, _now: words
    """How the words of an exit are filled in."""

    def subject(self, per: str | None) -> str:
        """The contact, ticket or invoice that the event names; empty without one."""
        if self.cause is None or per is None:
            return ""
        return str(self.cause.data.get(f"{per}_id") or "")

    def silence(self, playbook: str) -> str | None:
        """Why this playbook fires nothing at this look, in words; None: it may."""
        if self.muted is not None:
            return f"the account is muted: {self.muted}"
        return f"it is paused: {self.paused[playbook]}" if playbook in self.paused else None

    @property
    def departed(self) -> str | None:
        """Why nothing but what minds that is asked about the account any more: it left, or is no customer."""
        return departed(self.values)

    @classmethod
    def of(
        cls,
        account: str,
        values: Mapping[str, Any],
        now: datetime,
        unknown: Mapping[str, str] | None = None,
        **others: Any,
    ) -> "Look":
        """A look at these facts; `unknown` says why some are not known. The rest are the fields by name."""
        facts = Facts.of(values, unknown, others.get("cause"), withheld=others.get("interrupted", ()))
        return cls(account=account, values=values, facts=facts, now=now, **others)


class View:
    """One playbook's conditions at one look, each evaluated at most once."""

    def __init__(self, playbook: Playbook, look: Look, subject: str | None = None) -> None:
        self._playbook = playbook
        self._look = look
        self._facts = look.facts
        if playbook.per == "invoice":
            about = look.subject(playbook.per) if subject is None else subject
            self._facts = look.facts.beside(of_subject(about, look.values))

    @once
    def in_scope(self) -> Truth:
        """Is the account one of those that the playbook is for?"""
        if self.is_left:
            return Truth.FALSE
        return self._truth(self._playbook.for_accounts)

    @once
    def when(self) -> Truth:
        """Does `when` hold?"""
        return self._truth(self._playbook.when)

    @once
    def applies(self) -> Truth:
        """Is it, and does `when` hold?"""
        if Truth.FALSE in (when := self.when, self.in_scope):
            return Truth.FALSE
        return Truth.UNKNOWN if Truth.UNKNOWN in (when, self.in_scope) else Truth.TRUE

    @once
    def event_applies(self) -> bool:
        """Is this look's event one that the playbook takes? What playbooks write themselves is none; imports don't
        quieten live events."""
        playbook, look, cause = self._playbook, self._look, self._look.cause
        if cause is None or cause.kind != "event" or cause.type != playbook.on_event or cause.source == OURS:
            return False
        if cause.type == "account.updated" and not cause.data.get("traits"):
            # It names what was so before: a CRM says again what it was told.
            return False
        asked = (playbook.for_accounts, playbook.when)
        return not self.is_left and all(
            one is None or evaluate(one, self._facts, look.now) is Truth.TRUE for one in asked
        )

    @property
    def may_open(self) -> bool:
        """Does what happened, or how things stand, begin an episode where there is none, as far as conditions say?"""
        return self.event_applies if self._playbook.on_event is not None else self.applies is Truth.TRUE

    @property
    def is_left(self) -> bool:
        """Has the customer gone, or is it no customer at all, and the playbook says nothing of that?"""
        if self._look.account == COMPANY:
            minds = self._playbook.minds
            return self._playbook.on_event not in COMPANY_EVENTS and not any(name.startswith(_OURS) for name in minds)
        if self._look.departed is None or self._playbook.on_event == "account.churned":
            return False
        return not any(name.startswith(_GONE) for name in self._playbook.minds)

    @once
    def exits(self) -> bool:
        """Is the playbook's `exit_when` met?"""
        return self._playbook.exit_when is not None and self._truth(self._playbook.exit_when) is Truth.TRUE

    @once
    def ends(self) -> bool:
        """Is an episode to end? The account left the scope, or the exit is met (by default: `when` is false)."""
        if self.in_scope is Truth.FALSE or self.exits:
            return True
        return self._playbook.exit_when is None and self._playbook.on_event is None and self.applies is Truth.FALSE

    def trouble(self, flag_kind: str | None) -> str | None:
        """What holds an expansion flag of this kind back, or None."""
        return held_back(self._look.facts, self._look.now, flag_kind)

    @property
    def may_be_closed(self) -> bool:
        """May another playbook close it? When its own condition is false; of an event, unless its exit is."""
        if self._playbook.on_event is None:
            return self.applies is Truth.FALSE
        return self._truth(self._playbook.exit_when) is not Truth.FALSE

    @property
    def is_withheld(self) -> bool:
        """Can nobody say whether it applies, as a source is interrupted?"""
        if not self._look.interrupted or self._playbook.on_event is not None or self.applies is not Truth.UNKNOWN:
            return False
        asked = (self._playbook.for_accounts, self._playbook.when)
        return any(self._look.facts.withholds(leaf.subject) for one in asked if one for leaf in leaves_of(one))

    def readings(self, *wanted: Truth) -> tuple[LeafReading, ...]:
        """The leaves of `for_accounts` and `when` with what they saw; only those of the wanted truths, if any."""
        return tuple(leaf for leaf in self._readings if leaf.truth in wanted) if wanted else self._readings

    @once
    def _readings(self) -> tuple[LeafReading, ...]:
        both = [one for one in (self._playbook.for_accounts, self._playbook.when) if one is not None]
        return tuple(leaf for one in both for leaf in leaves(one, self._facts, self._look.now))

    def why_ended(self, episode: Episode) -> str:
        """Why `ends` is true, in words."""
        if self.in_scope is Truth.FALSE and self._look.departed is not None:
            return self._look.departed
        if self.in_scope is not Truth.FALSE and (words := self._exit_words(episode)):
            return words
        if self.exits:
            return self.why_met
        return _and_so(self.readings(Truth.FALSE))

    @property
    def why_met(self) -> str:
        """What of its exit is so, in words."""
        if self._playbook.exit_when is None:
            return ""
        held = leaves(self._playbook.exit_when, self._facts, self._look.now)
        return _and_so([leaf for leaf in held if leaf.truth is Truth.TRUE])

    def _exit_words(self, episode: Episode) -> str:
        """What the playbook has to say; nothing where that speaks of a firing of which nothing is known."""
        playbook, look, then = self._playbook, self._look, episode.at_firing
        if not playbook.exit_words or (playbook.remembers and not then):
            return ""
        facts = beside(look.values, then, playbook.remembers, episode.fired_at or look.now)
        return look.render(playbook.exit_words, facts, look.now)

    def next_look(self, episode: Episode, planned: Iterable[datetime] = ()) -> datetime | None:
        """The earliest instant after now at which a look may find something to do, if nothing else happens.

        Silence counts only if this misses nothing. So it asks, for each state, for all that the stations of a look ask
        the clock about in that state: when conditions flip by time alone, when a run of `held_for` is long enough, when
        a step is due (`planned`), when `repeat` lets it fire. Who adds a station that reads the clock adds its
        instant here. Too early costs one look that finds nothing; too late is an alarm that never comes.
        """
        wanted: list[datetime | None]
        match episode.state:
            case "idle":
                wanted = [self._next_flip(leaving=False)]
                if self._playbook.on_event is None:
                    wanted.append(self._playbook.may_fire_at(episode.fired, episode.closed_at))
            case "pending":
                wanted = [self._held_at(episode), self._next_flip(leaving=False)]
                wanted.append(self._playbook.may_fire_at(episode.fired, episode.closed_at))
            case "active":
                wanted = [*planned, episode.again_at]
                wanted.append(self._next_flip(leaving=episode.again_at is None))
            case "found":
                wanted = [self._next_flip(leaving=True)]
            case "over":
                wanted = [self._next_flip(leaving=False)]
            case "resting":
                wanted = [episode.rests_until, self._next_flip(leaving=False)]
        return min((instant for instant in wanted if instant is not None and instant > self._look.now), default=None)

    def _held_at(self, episode: Episode) -> datetime | None:
        """When a condition will have held for long enough, if it goes on."""
        held_for, since = self._playbook.held_for, episode.running_since
        left = held_for.run - episode.held * MICROSECOND
        return None if since is None else runs_out(self._look.business, since, left, held_for)

    def _next_flip(self, *, leaving: bool) -> datetime | None:
        """When time alone will next change a condition; `leaving`: only what can end an episode is asked for."""
        playbook, look = self._playbook, self._look
        if look.quiet or (playbook.on_event is not None and not leaving):
            return None
        asked = playbook.ending if leaving else playbook.leaves
        return first_flip(asked, self._facts, look.now)

    def _truth(self, condition: Condition | None) -> Truth:
        if condition is None:
            return Truth.TRUE
        return Truth.UNKNOWN if self._look.quiet else evaluate(condition, self._facts, self._look.now)


def _and_so(readings: Sequence[LeafReading]) -> str:
    """What ended an episode: a value that is not known any more has gone."""
    return "; ".join(
        leaf.words.removesuffix(" is unknown") + " is gone" if leaf.words.endswith(" is unknown") else leaf.words
        for leaf in readings
    )
