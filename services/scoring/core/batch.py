"""What one batch comes to: its events folded into the accounts at hand, and what is decided and told of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from services.scoring.core import pruning
from services.scoring.core import state as s
from services.scoring.core.arrivals import Arrival, Arrivals, is_told, untold_since
from services.scoring.core.assess import Outcome, assess
from services.scoring.core.causes import cause_of, erased_of, of_news
from services.scoring.core.clock import NEVER, day_of
from services.scoring.core.decision import Occasion
from services.scoring.core.erasing import forget_in
from services.scoring.core.fold import fold, fold_usage, source_of
from services.scoring.core.fold.people import Erased
from services.scoring.core.fold.traits import known_of, named
from services.scoring.core.measures.base import View
from services.scoring.core.memory import Memory, Standing
from services.scoring.core.scorecard import Rules
from services.scoring.core.surveys import Surveys
from services.scoring.core.timeline import TimelineRow, moved, row_of
from shared.messages.accounts import AccountUpdated, ContactErased
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.erasing import Forgetting, digest_of

SOURCE: Final = "keepwell/scoring"
"""Who tells of assessments."""
_MOST_EVENTS: Final = 5
_when = itemgetter(0)


class Assessment(NamedTuple):
    """What is told of an account, the trace of the event that did it, and whether it is an entry of the ledger.

    `reason` stands there where there are no drivers: why there is no score, or that the customer came back.
    """

    account_id: str
    assessed: AccountAssessed
    trace: str | None
    for_ledger: bool
    reason: str = ""

    @property
    def id(self) -> str:
        """Under which it is told."""
        return f"{self.account_id}@{self.assessed.rev}"


@dataclass(slots=True)
class Batch:
    """Collects what one transaction changes. The accounts that it is about must be in memory, with their rows."""

    now: datetime
    rules: Rules
    memory: Memory
    interrupted: Mapping[str, datetime] = field(default_factory=dict)
    """Sources, since when they are."""
    changed: dict[str, Standing] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """The last of each account that was told of."""
    assessments: list[Assessment] = field(default_factory=list)
    days: set[str] = field(default_factory=set)
    """Accounts that stand otherwise than before on this day."""
    timers: dict[str, datetime] = field(default_factory=dict)
    surveys: Surveys = field(default_factory=Surveys)
    timeline: list[TimelineRow] = field(default_factory=list)
    heard: dict[str, datetime] = field(default_factory=dict)
    """By source of evidence: when the last event that came from it happened."""
    erased_contacts: list[Erased] = field(default_factory=list)
    forgotten: list[Forgetting] = field(default_factory=list)
    """These contacts, as they are found in what was written of them, and accounts that were erased."""

    def take(self, id: str, arrivals: Arrivals, behind: bool) -> None:
        """Fold one account's new events and assess it: usage first and once, then each other event on its own.

        Behind, an account that had only usage is marked and waits. What an open import brings moves state and is told
        when the import closes; a straggler of a closed one is told as found.
        """
        standing = self._change(id)
        for arrival in arrivals.noted:
            self._note_rows(standing.account, arrival)
        stragglers = self._note_imports(standing, arrivals.imports) if arrivals.imports else ()
        if used := [(arrival.event.time, arrival.data) for arrival in arrivals.used]:
            fold_usage(standing.account, used)
            self._hear("usage", max(used, key=_when)[0])
        live, told = arrivals.live, [arrival for arrival in arrivals.others if is_told(arrival)]
        if behind and not told:
            if live or standing.marked_at is not None:
                standing.marked_at = standing.marked_at or self.now
                self.memory.wait(id, standing.marked_at)
            since: Iterator[datetime | None] = iter(())
        else:
            since = iter(untold_since(live, told))
            first = next(since)
            if live or standing.marked_at is not None:
                self.assess_waiting(id, live, first)
        outcome: Outcome | None = None
        seen: View | None = None
        for arrival in arrivals.others:
            erased = self._forget(standing.account, arrival.data)
            before = _traits_before(standing.account, arrival)
            if fold(standing.account, arrival.event, arrival.data):
                seen = None
            self._hear(source_of(arrival.event.type), arrival.event.time)
            self._note_rows(standing.account, arrival)
            if is_told(arrival):
                cause, nothing_new = cause_of(arrival.event, next(since), standing.account), False
                if before is not None:
                    cause, nothing_new = of_news(cause, before, known_of(standing.account, before))
                occasion = Occasion(cause, imports=standing.imports, nothing_new=nothing_new)
                outcome = self._decide(standing, occasion, arrival.trace, seen, erased)
                seen = outcome.view
        for import_id in stragglers:
            found = Occasion(Cause(kind="history"), imports=standing.imports, found_in=import_id)
            outcome = self._decide(standing, found)
        if outcome is not None:
            self._set_timer(standing, outcome)

    def assess_waiting(self, id: str, used: Sequence[Arrival] = (), since: datetime | None = None) -> None:
        """Assess what was put off, or came as usage: as found when an import ended, as rescored, or as usage.

        `since` is when the first was accepted that this batch has to tell. When what was put off was is not known.
        """
        standing = self._change(id)
        accepted = since if standing.marked_at is None else None
        standing.marked_at = None
        self.memory.waiting.pop(id, None)
        if standing.found_in is not None:
            cause, found_in, act = Cause(kind="history"), standing.found_in, standing.act_on_found
            occasion = Occasion(cause, (), standing.imports, found_in, act)
            standing.found_in, standing.act_on_found = None, False
        elif standing.rescore:
            occasion = Occasion(Cause(kind="scorecard"), imports=standing.imports)
        else:
            names = [f"{arrival.event.source} {arrival.event.id}" for arrival in used[-_MOST_EVENTS:]]
            occasion = Occasion(Cause(kind="usage", accepted=accepted), names, standing.imports)
        standing.rescore = False
        self._assess(standing, occasion, used[-1].trace if used else None)

    def look_again(self, id: str) -> None:
        """Assess an account whose timer came due: as what was put off, where something was."""
        standing = self.memory.get(id)
        standing.timer_at = None
        pruning.drop_tombstones(standing.account, day_of(self.now))
        if standing.marked_at is not None:
            self.assess_waiting(id)
        else:
            self._assess(standing, Occasion(Cause(kind="time"), imports=standing.imports))

    def _forget(self, account: s.Account, data: Any) -> ContactErased | None:
        """Before somebody is erased: by what they are found in what was written of them, and will be elsewhere.

        What they wrote is told once: whoever is erased again has written nothing.
        """
        if not isinstance(data, ContactErased):
            return None
        whom = erased_of(account, data, self.surveys.forget(account.id, data.contact_id))
        account.wrote.pop(data.contact_id, None)
        self.forgotten.append(Forgetting.of(account.id, whom))
        forget_in(account, self.forgotten[-1])
        return whom

    def _hear(self, source: str | None, at: datetime) -> None:
        """Note that a source was heard of."""
        if source is not None and at > self.heard.get(source, NEVER):
            self.heard[source] = at

    def _change(self, id: str) -> Standing:
        standing = self.changed[id] = self.memory.get(id)
        return standing

    def _assess(self, standing: Standing, occasion: Occasion, trace: str | None = None) -> None:
        """Decide about one account, and when it is to be looked at again."""
        self._set_timer(standing, self._decide(standing, occasion, trace))

    def _set_timer(self, standing: Standing, outcome: Outcome) -> None:
        """Set the account's timer by what was decided last: of several in a batch the others are past."""
        at = outcome.next_at
        if at is not None and (standing.timer_at is None or at < standing.timer_at):
            standing.timer_at = self.timers[standing.account.id] = at

    def _decide(
        self,
        standing: Standing,
        occasion: Occasion,
        trace: str | None = None,
        seen: View | None = None,
        erased: ContactErased | None = None,
    ) -> Outcome:
        """Decide about one account and collect what comes of it.

        `seen` is that of before, where only tickets and invoices have changed since. `erased` is whom to forget.
        """
        account = standing.account
        if seen is None:
            pruning.forget(account, day_of(self.now))
        outcome = assess(account, standing.decision, occasion, self.now, self.rules, seen, self.interrupted)
        if outcome.assessed is None:
            return outcome
        standing.decided = outcome.decision
        self.outcomes[account.id] = outcome
        if outcome.for_days:
            self.days.add(account.id)
        assessed = msgspec.structs.replace(outcome.assessed, erased=erased) if erased is not None else outcome.assessed
        told = Assessment(account.id, assessed, trace, outcome.for_ledger, outcome.reason)
        self.assessments.append(told)
        if (row := moved(account.id, told.assessed, told.id, SOURCE)) is not None:
            self.timeline.append(row)
        return outcome

    def _note_imports(self, standing: Standing, found: set[str]) -> list[str]:
        """Note the open imports behind events, and tell of them before they move anything: the account is quiet.

        Returns the closed imports that stragglers came from.
        """
        opened = found - self.memory.closed - set(standing.imports)
        if opened:
            standing.imports = sorted({*standing.imports, *opened})
            if standing.decided is not None:
                self._assess(standing, Occasion(Cause(kind="history"), imports=standing.imports))
        return sorted(found & self.memory.closed)

    def _note_rows(self, account: s.Account, arrival: Arrival) -> None:
        """What an event leaves beside the state."""
        event, data = arrival.event, arrival.data
        self.surveys.note(account, event, data, self.now)
        if (row := row_of(account, event, data, self.now)) is not None:
            self.timeline.append(row)
        if event.type == "contact.erased":
            self.erased_contacts.append(Erased(account.id, data.contact_id, digest_of(data.contact_id)))
        elif event.type == "account.erased":
            self.forgotten.append(Forgetting(account.id))


def _traits_before(account: s.Account, arrival: Arrival) -> dict[str, Any] | None:
    """What is known of the traits that it names, where it names some."""
    return known_of(account, named(arrival.event)) if isinstance(arrival.data, AccountUpdated) else None
