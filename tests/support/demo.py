"""The sample company, rehearsed: its events through the cores of scoring and playbooks, without any process."""

from collections.abc import Iterator
from copy import copy, deepcopy
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from deploy.cli.demo import OWN_FILES
from deploy.demo import sample
from deploy.demo.stories import Story
from services.playbooks.core.episode import Episode
from services.playbooks.core.look import Look
from services.playbooks.core.step import step
from services.playbooks.files import load_all
from services.scoring.core.assess import assess
from services.scoring.core.decision import Decision, Occasion
from services.scoring.core.fold import fold
from services.scoring.core.state import Account
from services.scoring.files import load_rules
from shared.conditions import Facts
from shared.messages.assessments import AccountAssessed, Cause
from shared.messages.envelope import Event
from shared.messages.registry import data_of
from tests.support.book import Book

PLAYBOOKS = [loaded.playbook for loaded in load_all() if not loaded.playbook.off]
RULES = load_rules(catalogue_file=next(file for file in OWN_FILES if file.name == "catalogue.yaml"))


def lived(since: datetime, now: datetime) -> Book:
    """The company's book: found as it was at the first instant, and lived with until the other."""
    past = [_event(sent) for sent in sample.load(now, "past")]
    people = sample.FILE.with_name("csms.yaml").read_text(encoding="utf-8")
    book = Book([one for one in past if one.time > since], RULES, people, diligent=True)
    book.found([one for one in past if one.time <= since], since)
    return book.run(now)


def _event(sent: dict[str, Any]) -> Event:
    """As it would be accepted: when it happened."""
    at = datetime.fromisoformat(sent["time"])
    data = msgspec.Raw(msgspec.json.encode(sent["data"]))
    return Event(
        id=sent["id"],
        source=sent["source"],
        type=sent["type"],
        subject=sent["account"],
        time=at,
        accepted=at,
        data=data,
    )


@cache
def _ready_at(now: datetime) -> "Rehearsal":
    return Rehearsal(now)


class Rehearsal:
    """The demo at a moment: the past folded and assessed, ready for what happens live."""

    @staticmethod
    def at(now: datetime) -> "Rehearsal":
        """One of one's own to play in; the past is told only once."""
        made = copy(_ready_at(now))
        made.accounts, made.episodes, made.decisions = dict(made.accounts), dict(made.episodes), dict(made.decisions)
        return made

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts: dict[str, Account] = {}
        for sent in sample.load(now, "past"):
            self._fold(sent)
        self.episodes: dict[tuple[str, str], Episode] = {}
        self.decisions: dict[str, Decision | None] = dict.fromkeys(self.accounts)
        self.found = {
            account: self._playbooks(account, Cause(kind="history"), found_in="past") for account in self.accounts
        }

    def play(self, story: Story) -> Iterator[tuple[AccountAssessed, frozenset[str]]]:
        """Each event of a story: what it came to, and the playbooks that fired."""
        self.accounts[story.account] = deepcopy(self.accounts[story.account])
        for sent in story.events(self.now, "live"):
            event = self._fold(sent)
            data: dict[str, Any] = msgspec.json.decode(event.data)
            cause = Cause(kind="event", source=event.source, id=event.id, type=event.type, time=event.time, data=data)
            fired = self._playbooks(story.account, cause)
            yield self.assessed, fired

    def band(self, account: str) -> str:
        decision = self.decisions[account]
        return "unknown" if decision is None else decision.band

    def _fold(self, sent: dict[str, Any]) -> Event:
        event = _event(sent)
        account = self.accounts.setdefault(event.subject, Account(event.subject))
        fold(account, event, data_of(event))
        return event

    def _playbooks(self, account: str, cause: Cause, found_in: str | None = None) -> frozenset[str]:
        asked = Occasion(cause, found_in=found_in)
        outcome = assess(self.accounts[account], self.decisions[account], asked, self.now, RULES)
        assert outcome.assessed is not None
        self.assessed, self.decisions[account] = outcome.assessed, outcome.decision
        look = Look(
            account=account,
            values=self.assessed.facts,
            facts=Facts.of(self.assessed.facts, cause=cause),
            now=self.now + timedelta(microseconds=1),
            occasion=f"rev {self.assessed.rev}",
            by_time=False,
            cause=cause,
            found_in=found_in,
        )
        wanted = "found" if found_in else "active"
        reached = set()
        for playbook in PLAYBOOKS:
            stepped = step(playbook, self.episodes.get((account, playbook.id)), look)
            if stepped.episode is not None:
                self.episodes[account, playbook.id] = stepped.episode
            if wanted in {move.after for move in stepped.moves}:
                reached.add(playbook.id)
        return frozenset(reached)
