"""One transaction's work on one partition: load, fold, assess, save.

Nothing of it outlives a rollback but the memory, which is dropped then.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import rows, store
from services.scoring.core import state as s
from services.scoring.core.assess import Asked, assess
from services.scoring.core.clock import day_of
from services.scoring.core.fold import Touched, fold, fold_usage, is_erased
from services.scoring.core.scorecard import Rules
from services.scoring.memory import Known, Memory, known_of
from services.scoring.rows import Answer
from shared.log.protocol import Outgoing
from shared.messages import registry, tracing
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.billing import Invoice
from shared.messages.envelope import encode, wrap
from shared.messages.tickets import Ticket
from shared.messages.usage import UsageRecorded
from shared.worker import outbox, timers
from shared.worker.handler import Incoming

SOURCE: Final = "keepwell/scoring"
_TYPE: Final = "account.assessed"
_MOST_EVENTS: Final = 5
_NOT_SAID: Final = datetime.min.replace(tzinfo=UTC)
_PAPERS: Final[tuple[rows.Papers, ...]] = ("tickets", "invoices")


@dataclass(slots=True)
class Batch:
    """Collects what one transaction changes, and writes it with one statement a table."""

    c: AsyncConnection
    partition: int
    now: datetime
    rules: Rules
    memory: Memory
    changed: dict[str, Known] = field(default_factory=dict)
    touched: dict[str, Touched] = field(default_factory=dict)
    told: dict[str, store.Told] = field(default_factory=dict)
    ledger: list[tuple[str, AccountAssessed]] = field(default_factory=list)
    messages: list[Outgoing] = field(default_factory=list)
    timers: dict[str, datetime] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    erased_contacts: list[tuple[str, str]] = field(default_factory=list)
    erased_accounts: list[str] = field(default_factory=list)

    # Loading

    async def load(self, ids: Collection[str], with_papers: Iterable[str]) -> None:
        """Remember these accounts, and for some also their open and recent tickets and invoices."""
        missing = self.memory.missing(ids)
        if missing:
            for kept in await store.load_accounts(self.c, missing):
                self.memory.accounts[kept.id] = known_of(kept)
        bare = [id for id in with_papers if not self.memory.get(id).has_papers]
        if bare:
            since = self.now - timedelta(days=s.PAPER_DAYS + 1)
            for name in _PAPERS:
                for id, key, row in await rows.load_live(self.c, name, bare, since):
                    getattr(self.memory.get(id).account, name).setdefault(key, row)
            for id in bare:
                self.memory.get(id).has_papers = True

    async def load_rows(self, by_account: Mapping[str, Sequence[Incoming]]) -> None:
        """Remember the very users, tickets and invoices that these events name."""
        users: set[tuple[str, str]] = set()
        papers: dict[rows.Papers, set[tuple[str, str]]] = {"tickets": set(), "invoices": set()}
        for id, batch in by_account.items():
            account = self.memory.get(id).account
            for incoming in batch:
                data = incoming.data
                if isinstance(data, UsageRecorded):
                    if data.user_id is not None and data.user_id not in account.users:
                        users.add((id, data.user_id))
                elif isinstance(data, Ticket) and data.ticket_id not in account.tickets:
                    papers["tickets"].add((id, data.ticket_id))
                elif isinstance(data, Invoice) and data.invoice_id not in account.invoices:
                    papers["invoices"].add((id, data.invoice_id))
        if users:
            for id, user, day in await rows.load_users(self.c, users):
                self.memory.get(id).account.users[user] = day
        await self._load_papers(papers)

    async def _load_papers(self, papers: Mapping[rows.Papers, Collection[tuple[str, str]]]) -> None:
        for name, pairs in papers.items():
            if pairs:
                for id, key, row in await rows.load_papers(self.c, name, pairs):
                    getattr(self.memory.get(id).account, name)[key] = row

    # Folding

    def take(self, id: str, batch: Sequence[Incoming], behind: bool) -> None:
        """Fold one account's new events and assess it: usage first and once, then each other event on its own.

        What an open import brings moves state and is told when the import closes; a straggler of a closed one is told
        as found.
        """
        known = self.memory.get(id)
        self.changed[id] = known
        touched = self.touched.setdefault(id, Touched())
        used = [incoming for incoming in batch if isinstance(incoming.data, UsageRecorded)]
        others = [incoming for incoming in batch if not isinstance(incoming.data, UsageRecorded)]
        stragglers = self._note_imports(known, batch)
        fold_usage(known.account, [(incoming.event.time, incoming.data) for incoming in used], touched)
        live = [incoming for incoming in used if incoming.event.history is None]
        told = [incoming for incoming in others if incoming.event.history is None]
        untold_since = _untold_since([*live, *told])
        if live or known.marked_at is not None:
            if behind and all(incoming.event.history is not None for incoming in others):
                known.marked_at = known.marked_at or self.now
                self.memory.waiting.setdefault(id, known.marked_at)
            else:
                self.assess_waiting(known, live, untold_since[0] if live else None)
        since = iter(untold_since[len(live) :])
        for incoming in others:
            fold(known.account, incoming.event, incoming.data, touched)
            self._note_rows(known, incoming)
            if incoming.event.history is None:
                self.assess(known, Asked(_cause_of(incoming, next(since)), imports=known.imports), incoming)
        for import_id in stragglers:
            self.assess(known, Asked(Cause(kind="history"), imports=known.imports, found_in=import_id))

    def _note_imports(self, known: Known, batch: Sequence[Incoming]) -> list[str]:
        """Note the open imports behind these events, and tell of them before they move anything: the account is quiet.

        Returns the closed imports that stragglers came from.
        """
        found = {incoming.event.history for incoming in batch if incoming.event.history is not None}
        opened = found - self.memory.closed - set(known.imports)
        if opened:
            known.imports = sorted({*known.imports, *opened})
            if known.decision is not None:
                self.assess(known, Asked(Cause(kind="history"), imports=known.imports))
        return sorted(found & self.memory.closed)

    def _note_rows(self, known: Known, incoming: Incoming) -> None:
        """What an event leaves beside the state."""
        event, data, account = incoming.event, incoming.data, known.account
        kind = event.type.removeprefix("feedback.")
        if kind != event.type:
            if not is_erased(account, data.contact_id):
                self.answers.append(_answer_of(account, kind, incoming))
        elif event.type == "contact.updated":
            role = account.state.contacts.get(data.contact_id, {}).get("role")
            if role is not None:
                self.roles[account.id, data.contact_id] = role.value
        elif event.type == "contact.erased":
            self.erased_contacts.append((account.id, data.contact_id))
        elif event.type == "account.erased":
            self.erased_accounts.append(account.id)

    # Assessing

    def assess_waiting(self, known: Known, used: Sequence[Incoming] = (), since: datetime | None = None) -> None:
        """Assess what was put off, or came as usage: as found when an import ended, as rescored, or as usage.

        `since` is when the first was accepted that this batch has to tell. When what was put off was is not known.
        """
        accepted = since if known.marked_at is None else None
        known.marked_at = None
        self.memory.waiting.pop(known.account.id, None)
        self.changed[known.account.id] = known
        if known.found_in is not None:
            asked = Asked(Cause(kind="history"), (), known.imports, known.found_in, known.act_on_found)
            known.found_in, known.act_on_found = None, False
        elif known.rescore:
            asked = Asked(Cause(kind="scorecard"), imports=known.imports)
        else:
            names = [f"{incoming.event.source} {incoming.event.id}" for incoming in used[-_MOST_EVENTS:]]
            asked = Asked(Cause(kind="usage", accepted=accepted), names, known.imports)
        known.rescore = False
        self.assess(known, asked, used[-1] if used else None)

    def assess(self, known: Known, asked: Asked, behind_it: Incoming | None = None) -> None:
        """Decide about one account and collect what comes of it."""
        account = known.account
        s.prune(account.state, day_of(self.now))
        outcome = assess(account, known.decision, asked, self.now, self.rules)
        known.decision = outcome.decision
        if outcome.next_at is not None and (known.timer_at is None or outcome.next_at < known.timer_at):
            known.timer_at = self.timers[account.id] = outcome.next_at
        if outcome.assessed is None:
            return
        self.told[account.id] = store.Told(account.id, outcome.decision, outcome.profile)
        self.messages.append(_message(account.id, outcome.assessed, behind_it))
        if outcome.for_ledger:
            self.ledger.append((account.id, outcome.assessed))

    # Saving

    async def save(self) -> None:
        """Write everything that changed, and stage what is told."""
        c, today = self.c, day_of(self.now)
        for known in self.changed.values():
            s.prune(known.account.state, today)
        await store.save_states(c, self.partition, [known.kept() for known in self.changed.values()])
        await store.save_told(c, self.told.values())
        await self._save_rows()
        await store.add_to_ledger(c, self.ledger)
        await rows.add_answers(c, self.answers)
        await rows.set_roles(c, self.roles)
        await rows.erase_contacts(c, self.erased_contacts)
        await rows.erase_accounts(c, self.erased_accounts)
        await timers.set_earlier(c, self.partition, self.timers)
        await outbox.stage(c, self.partition, self.messages)
        self.memory.settle()

    async def _save_rows(self) -> None:
        users: list[tuple[str, str, int]] = []
        papers: dict[rows.Papers, list[tuple[str, str, Any]]] = {"tickets": [], "invoices": []}
        for id, touched in self.touched.items():
            account = self.memory.get(id).account
            users += [(id, user, account.users[user]) for user in touched.users]
            papers["tickets"] += [(id, key, account.tickets[key]) for key in touched.tickets]
            papers["invoices"] += [(id, key, account.invoices[key]) for key in touched.invoices]
        await rows.save_users(self.c, users)
        for name, found in papers.items():
            await rows.save_papers(self.c, name, found)


def _untold_since(batch: Sequence[Incoming]) -> list[datetime | None]:
    """For each event of one account, when the first was accepted of those that are untold before it is told.

    Topics are read side by side, so the one that is told first need not be the one that was accepted first. None where
    an event doesn't say.
    """
    accepted = (incoming.event.accepted or _NOT_SAID for incoming in reversed(batch))
    return [None if since is _NOT_SAID else since for since in accumulate(accepted, min)][::-1]


def _cause_of(incoming: Incoming, untold_since: datetime | None) -> Cause:
    event = incoming.event
    return Cause(
        kind="event",
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time,
        accepted=untold_since,
        data=msgspec.json.decode(event.data),
    )


def _answer_of(account: s.Account, kind: str, incoming: Incoming) -> Answer:
    event, data = incoming.event, incoming.data
    role = account.state.contacts.get(data.contact_id, {}).get("role")
    return Answer(
        account_id=account.id,
        source=event.source,
        id=event.id,
        kind=kind,
        survey_kind=data.survey_kind,
        contact_id=data.contact_id,
        role=None if role is None else role.value,
        score=data.score,
        comment=data.comment,
        touchpoint=data.touchpoint,
        survey_id=data.survey_id,
        product=data.product,
        at=event.time,
    )


def _message(id: str, assessed: AccountAssessed, behind_it: Incoming | None) -> Outgoing:
    event = wrap(
        assessed,
        id=f"{id}@{assessed.rev}",
        source=SOURCE,
        type=_TYPE,
        subject=id,
        time=assessed.at,
        accepted=assessed.cause.accepted,
    )
    headers = {"ce_type": _TYPE}
    trace = None if behind_it is None else behind_it.record.headers.get(tracing.HEADER)
    if trace is not None:
        headers[tracing.HEADER] = trace
    return Outgoing(registry.ASSESSMENTS, id, encode(event), headers)
