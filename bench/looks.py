"""How many assessments a second forty playbooks decide about on one core: decoded, looked at, carried out.

No database: what is loaded and written is a value here. Every account was used on most days, and answers, writes
tickets, pays and is talked to now and then; each of its assessments comes from scoring's own core.
"""

import re
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import count
from typing import Final, NamedTuple

import msgspec

from bench.report import Row
from services.playbooks.core import settling
from services.playbooks.core.assignment import Load
from services.playbooks.core.episode import Episode
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.work import Work
from services.playbooks.files import load_all, load_playbook, read_people
from services.scoring.core.decision import Occasion
from shared.files.templates import render
from shared.messages.assessments import AccountAssessed, Cause, FactValue
from shared.messages.envelope import Event
from tests.support.scoring import (
    DAY,
    NOW,
    a_contact,
    a_subscription,
    a_talk,
    a_ticket,
    after,
    an_account,
    an_invoice,
    assessed,
    busy,
    csat,
    nps,
    usage,
)

PLAYBOOKS: Final = 40
PEOPLE: Final = "csms:\n" + "".join(
    f"  - {{id: csm-{n}, name: CSM {n}, email: csm-{n}@example.com}}\n" for n in range(20)
)
_KINDS: Final = 60
_BATCH: Final = 500
_HOUR: Final = timedelta(hours=1)


class Told(NamedTuple):
    """One assessment as it travels."""

    account: str
    data: bytes


class World:
    """What the database would keep: how accounts stand, their latest episodes, what is open, and people's loads."""

    def __init__(self, rules: Rules, *, looks_at_all: bool = False) -> None:
        self.rules = rules
        self.looks_at_all = looks_at_all
        """Every playbook is looked at, concerned or not."""
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, dict[str, Episode]] = {}
        self.items: dict[str, dict[str, Item]] = {}
        self.loads: dict[str, Load] = {}
        self.asked = 0

    def take(self, batch: Sequence[Told]) -> None:
        """One batch, as the handler does it."""
        accounts = sorted({one.account for one in batch})
        standings = [self.standings[id] for id in accounts if id in self.standings]
        if self.looks_at_all:
            standings = [msgspec.structs.replace(one, settled=False) for one in standings]
        work = Work(self.rules, standings, [one for id in accounts for one in self.episodes.get(id, {}).values()])
        for told in batch:
            work.assess(told.account, _DECODE(told.data), {})
        meant = [item for id in settling.meant(work) for item in self.items.get(id, {}).values()]
        settling.close(work, [item for item in meant if item.state in OPEN])
        self.loads |= settling.carry_out(work, {id: self.loads.get(id, Load(0, 0)) for id in settling.people(work)})
        changes = work.changes
        self.standings |= changes.standings
        for episode in changes.episodes.values():
            latest = self.episodes.setdefault(episode.account, {})
            if episode.id in changes.retired:
                latest.pop(episode.id, None)
            else:
                latest[episode.id] = episode
        for item in changes.items.values():
            # What is asked for is brought within seconds, and then waits no more.
            self.items.setdefault(item.account_id, {})[item.id] = item._replace(delivery="delivered")
        self.asked += len(changes.out)


_DECODE: Final = msgspec.json.Decoder(AccountAssessed).decode


def forty() -> tuple[Entry, ...]:
    """The playbooks that ship, and again under other ids until they are forty."""
    shipped = load_all()
    more = (
        load_playbook(re.sub(r"(?m)^id: (.*)$", rf"id: \1-{again}", one.source, count=1), "again.yaml")
        for again in count(2)
        for one in shipped
    )
    return (*shipped, *(next(more) for _ in range(PLAYBOOKS - len(shipped))))


def rules_of(entries: Sequence[Entry]) -> Rules:
    """These playbooks, and people who have no hours."""
    return Rules(Library(entries), read_people(PEOPLE, "csms.yaml"), render)


def measure(accounts: int = 500) -> list[Row]:
    """Assessments of one day, and of one a day: then time has had its say at each, too."""
    rules = rules_of(forty())
    return [*_measure(rules, accounts, "10 minutes", timedelta(minutes=10)), *_measure(rules, accounts, "a day", DAY)]


def _measure(rules: Rules, accounts: int, words: str, apart: timedelta) -> list[Row]:
    """So many accounts are met first; then each is assessed again and again, and only that is measured, in turns."""
    roads = [list(_road(number, apart)) for number in range(_KINDS)]
    few, every = World(rules), World(rules, looks_at_all=True)
    took, looked = {few: 0.0, every: 0.0}, 0
    for turn in range(len(roads[0])):
        told = [_of(roads[n % _KINDS][turn], n) for n in range(accounts)]
        for world in (few, every) if turn % 2 else (every, few):
            began = time.process_time()
            for first in range(0, accounts, _BATCH):
                world.take(told[first : first + _BATCH])
            took[world] += time.process_time() - began if turn else 0.0
        looked += accounts if turn else 0
    where, times = (
        f"{PLAYBOOKS} playbooks, assessments {words} apart",
        f"{took[every] / took[few]:.1f} x looking at all of them",
    )
    return [
        Row(
            where,
            "assessments decided, a second of CPU",
            f"{looked / took[few]:,.0f}",
            "5,000" if apart < DAY else "",
            times,
        ),
        Row(where, "… messages that they led to", f"{few.asked:,}", "", f"{every.asked:,} looking at all of them"),
    ]


def _of(assessed: AccountAssessed, number: int) -> Told:
    facts = assessed.facts | {"account.owner": f"csm-{number % 20}@example.com"}
    return Told(f"account-{number:05}", msgspec.json.encode(msgspec.structs.replace(assessed, facts=facts)))


def day_facts(number: int) -> Iterator[dict[str, FactValue]]:
    """The facts at the end of twenty days of an account."""
    return (one.facts for one in _road(number, DAY))


def _road(number: int, apart: timedelta) -> Iterator[AccountAssessed]:
    """Twenty assessments of an account: of usage most of them, and something else happens at every fourth."""
    features = ("reports", "dashboards", "import", "api")[: 1 + number % 4]
    days, users, start = [day for day in range(number % 3, 90) if (day * 7 + number) % 5], 2 + number % 9, NOW
    account = an_account(
        *busy(days, users=users, features=features),
        a_contact("c1", "champion"),
        a_contact("c2", "decision_maker"),
        a_subscription(NOW - 300 * DAY, mrr_minor=420_000, currency="EUR", term_months=12, renews_at=NOW + 65 * DAY),
        *(nps(6 + n, contact=f"c{n}", at=NOW - (20 + number % 150) * DAY) for n in range(3)),
        *(a_ticket(f"T{n}", type="closed", at=NOW - (n * 9 + number % 9) * DAY) for n in range(6)),
        *(an_invoice("paid", f"I{n}", at=NOW - 30 * n * DAY, due_at=NOW - (30 * n + 3) * DAY) for n in range(5)),
        a_talk("c1", at=NOW - (number % 60) * DAY),
        seats=10 + number % 5,
        signed=NOW - (60 + 5 * number) * DAY,
    )
    decision, rev = None, 0
    for day in range(20):
        at = start + day * apart
        happened: list[Event] = [usage(at, feature, f"u{user}") for user in range(users) for feature in features]
        by: Event | Occasion = Occasion(Cause(kind="usage"))
        if (day + number) % 4 == 0:
            others = (nps(7 + number % 4, at=at), csat(4, at=at), a_ticket(f"N{day}", at=at), a_talk("c2", at=at))
            by = others[(day // 4 + number) % len(others)]
            happened = [by]
        after(*happened, account=account)
        outcome = assessed(account, before=decision, now=at + _HOUR, by=by)
        decision, rev = outcome.decision, rev + 1
        if outcome.assessed is not None:
            last = outcome.assessed
        yield msgspec.structs.replace(last, rev=rev, at=at + _HOUR)
