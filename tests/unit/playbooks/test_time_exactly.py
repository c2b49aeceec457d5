"""Whatever playbooks and histories: they do what one would do that looks at every minute, to the minute.

The code looks only when something happens and when its timers come due, which may be late by an outage, or early. See
CONTRIBUTING for how to try thousands.
"""

import os
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from services.playbooks.core import settling
from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode
from services.playbooks.core.playbook import Playbook, Repeat, Step
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import Duration
from shared.conditions import Condition, Scope, parse
from shared.messages.assessments import Cause
from tests.support.minutes import Ask, Deed, Join, Leaf, Rule, Seen, every_minute
from tests.support.playbooks import MONDAY, an_assessment

EXAMPLES = int(os.environ.get("KEEPWELL_TEST_EXAMPLES", "80"))
UNTIL = 260
MINUTE = timedelta(minutes=1)
ACCOUNT = "northwind"
DATES = ("account.signed_at", "account.renews_at")


class Life(NamedTuple):
    """What happens to an account, and to the service that looks at it."""

    history: Sequence[Seen]
    outages: Collection[int]
    """The minutes in which nothing is read and no timer runs."""
    early: Collection[int]
    """Minutes at which it looks without need."""
    marked: bool
    """Whether marks say how far all was read: then usage need not say when it was accepted."""
    twice: bool
    """Whether every assessment is told again, under the next rev."""


numbers = st.builds(Leaf, st.just("usage.breadth"), st.sampled_from("<>"), st.sampled_from([40, 60]))
known = st.builds(Leaf, st.just("usage.breadth"), st.just("is"), st.sampled_from(["known", "unknown"]))
low = Leaf("usage.breadth", "<", 60)
spans = st.integers(-30, 120)
since = st.builds(Leaf, st.just(DATES[0]), st.sampled_from(["<", ">="]), spans, st.just("since"))
ahead = st.builds(Leaf, st.just(DATES[1]), st.sampled_from([">", "<="]), spans, st.just("until"))
leaves = st.one_of(numbers, numbers, since, since, ahead, known)
conditions = st.one_of(
    leaves,
    st.builds(Join, st.sampled_from(["all", "any"]), st.tuples(leaves, leaves)),
    st.builds(Join, st.just("not"), st.tuples(leaves)),
)
SPANS = st.sampled_from([0, 1, 5, 15, 40])
AFTER = st.sampled_from([None, 0, 2, 9, 30])
AT_MOST = st.sampled_from([None, 1, 2])
PER = st.sampled_from([20, 60, 150])
rules = st.builds(
    Rule,
    name=st.just(""),
    when=st.one_of(
        st.just(low),
        st.builds(Join, st.sampled_from(["all", "any"]), st.tuples(st.just(low), st.one_of(since, ahead))),
        conditions,
    ),
    for_accounts=st.one_of(st.none(), st.none(), st.none(), leaves),
    exit_when=st.one_of(
        st.none(), st.none(), st.builds(Leaf, st.just("usage.breadth"), st.just(">"), st.just(60)), conditions
    ),
    held_for=SPANS,
    after=AFTER,
    at_most=AT_MOST,
    per=PER,
    steps=st.lists(SPANS, min_size=1, max_size=2).map(tuple),
)
answered = st.builds(Leaf, st.just("event.score"), st.just("<="), st.sampled_from([3, 6]))
of_events = st.builds(
    Rule,
    name=st.just(""),
    when=st.one_of(st.none(), answered, st.builds(Join, st.just("all"), st.tuples(answered, leaves))),
    for_accounts=st.one_of(st.none(), leaves),
    exit_when=st.one_of(st.none(), leaves),
    after=AFTER,
    at_most=AT_MOST,
    per=PER,
    steps=st.lists(SPANS, min_size=1, max_size=2).map(tuple),
    on_event=st.just(True),
    per_contact=st.booleans(),
)
facts = st.fixed_dictionaries(
    {
        "usage.breadth": st.sampled_from([25, 75, 25, 75, 50, None]),
        DATES[0]: st.one_of(st.integers(-60, 120), st.none()),
    },
    optional={DATES[1]: st.one_of(st.integers(-60, UNTIL), st.none())},
)
answers = st.one_of(st.none(), st.tuples(st.sampled_from(["kim", "lee"]), st.integers(0, 6)))
gaps = st.sampled_from([1, 2, 5, 9, 14, 30])
outages = st.lists(st.tuples(st.integers(0, 150), st.sampled_from([3, 12, 50])), max_size=3)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    happens = draw(st.lists(st.tuples(gaps, facts, answers), min_size=8, max_size=16))
    minutes = accumulate(gap for gap, _, _ in happens)
    return Life(
        [Seen(at, known, answer) for at, (_, known, answer) in zip(minutes, happens, strict=True) if at <= UNTIL],
        {minute for start, length in draw(outages) for minute in range(start, start + length)},
        draw(st.sets(st.integers(0, UNTIL), max_size=4)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


class Service:
    """The core of the playbooks service, which is told what happens and keeps one timer an account."""

    def __init__(self, rules: Sequence[Rule], life: Life) -> None:
        library = Library(Entry(_playbook(one), "") for one in rules)
        self._rules = Rules(library, Directory(), lambda title, *_: title)
        self._life = life
        self._standings: dict[str, Standing] = {}
        self._episodes: dict[str, Episode] = {}
        self._names: dict[str, str] = {}
        self._timer: datetime | None = None
        self._rev = 0
        self.done: list[Deed] = []

    def read(self, seen: Seen) -> None:
        """What happened at a minute."""
        at = MONDAY + seen.minute * MINUTE
        values = {name: value for name, value in seen.facts.items() if value is not None}
        values |= {name: (MONDAY + values[name] * MINUTE).isoformat() for name in DATES if name in values}
        again = Cause(kind="usage", accepted=None if self._life.marked else at)
        cause = again
        if seen.answer is not None:
            data = {"contact_id": seen.answer[0], "score": seen.answer[1]}
            id = str(seen.minute)
            cause = Cause(kind="event", source="s", id=id, type="feedback.nps", time=at, accepted=at, data=data)
        for one in [cause, again] if self._life.twice else [cause]:
            self._rev += 1
            work = self._work(at if self._life.marked else None)
            work.assess(ACCOUNT, an_assessment(self._rev, at, values, cause=one), {})
            self._save(work)

    def run_timers(self, until: datetime) -> None:
        """Every timer that is due by then."""
        while self._timer is not None and self._timer <= until:
            due, self._timer = self._timer, None
            self.look(due)

    def look(self, at: datetime) -> None:
        """Look because of a timer, of whatever instant."""
        work = self._work(None)
        work.time(ACCOUNT, at)
        self._save(work)

    def _work(self, marked_through: datetime | None) -> Work:
        return Work(self._rules, self._standings.values(), self._episodes.values(), marked_through)

    def _save(self, work: Work) -> None:
        settling.carry_out(work, {})
        changes = work.changes
        self._standings |= changes.standings
        self._episodes |= changes.episodes
        self._names |= {id: one.playbook for id, one in changes.episodes.items()}
        for id in changes.retired:
            self._episodes.pop(id, None)
        for timer in changes.timers.values():
            self._timer = min(timer, self._timer or timer)
        for move in changes.moves:
            minutes, rest = divmod(move.at - MONDAY, MINUTE)
            assert not rest, "everything here happens on whole minutes"
            what = None
            if move.reason.startswith("would ask"):
                what = move.reason.rpartition(": ")[2]
            elif move.after == "active":
                what = "fired"
            elif move.before == "active":
                what = "ended"
            if what is not None:
                self.done.append(Deed(minutes, self._names[move.subject], what))


def lived(rules: Sequence[Rule], life: Life) -> list[Deed]:
    """What the service does, in order."""
    service, unread = Service(rules, life), list(life.history)
    for minute in range(UNTIL + 1):
        if minute in life.outages:
            continue
        at = MONDAY + minute * MINUTE
        while unread and unread[0].minute <= minute:
            service.read(unread.pop(0))
        if minute in life.early and unread != life.history:
            service.run_timers(at)
            service.look(at)
        service.run_timers(at)
    while unread:
        service.read(unread.pop(0))
    service.run_timers(MONDAY + UNTIL * MINUTE)
    return sorted(service.done)


def _playbook(rule: Rule) -> Playbook:
    return Playbook(
        id=rule.name,
        version="1",
        title=rule.name,
        steps=tuple(
            Step(kind="alert", title=f"step {place}", after=Duration(seconds=60 * after) if after else None)
            for place, after in enumerate(rule.steps)
        ),
        for_accounts=_condition(rule.for_accounts),
        when=_condition(rule.when, "feedback.nps" if rule.on_event else None),
        exit_when=_condition(rule.exit_when),
        held_for=Duration(seconds=60 * rule.held_for),
        repeat=None
        if rule.after is None
        else Repeat(
            after=Duration(seconds=60 * rule.after),
            at_most=rule.at_most,
            per=Duration(seconds=60 * rule.per) if rule.at_most is not None else Duration(),
        ),
        on_event="feedback.nps" if rule.on_event else None,
        per="contact" if rule.per_contact else None,
        shadow=True,
    )


def _condition(asked: Ask | None, event: str | None = None) -> Condition | None:
    return None if asked is None else parse(asked.node, Scope(event_type=event))


def _named(rules: Sequence[Rule]) -> list[Rule]:
    return [Rule(**{**vars(one), "name": f"rule-{place}"}) for place, one in enumerate(rules)]


def _compare(rules: Sequence[Rule], life: Life) -> None:
    named = _named(rules)
    assert lived(named, life) == every_minute(named, life.history, UNTIL)


@given(st.lists(rules, min_size=3, max_size=3), lives())
@settings(max_examples=EXAMPLES, deadline=None)
def test_states_of_affairs(rules: list[Rule], life: Life) -> None:
    _compare(rules, life)


@given(st.lists(of_events, min_size=2, max_size=2), lives())
@settings(max_examples=EXAMPLES // 2, deadline=None)
def test_events(rules: list[Rule], life: Life) -> None:
    _compare(rules, life)
