"""The core of the playbooks service at work: it lives through random lives, and its deeds are told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.playbooks.core import desk, settling
from services.playbooks.core.changes import ACCOUNT_KEY
from services.playbooks.core.commands import Command
from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.interruptions import Interruption, after_mark
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.matter import MATTERS
from services.playbooks.core.playbook import Arm, Playbook, Repeat, Step
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.sweep import heed, introduce
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import Duration
from shared.conditions import STEP_FACTS, Condition, Scope, parse
from shared.messages.assessments import Cause, PartitionMark
from tests.support import plain_rules
from tests.support.lives import DATES, UNTIL, Life
from tests.support.plain_rules import Ask, Deed, Moved, Rule, Seen
from tests.support.playbooks import MONDAY, an_assessment

MINUTE = timedelta(minutes=1)
ACCOUNT = "northwind"
_OF_ACCOUNTS, _OF_STEPS, _OF_EVENTS = Scope(), Scope(more=STEP_FACTS), Scope(event_type="feedback.nps")


class Service:
    """The core of the playbooks service, which is told what happens and keeps one timer an account."""

    def __init__(self, rules: Sequence[Rule], life: Life) -> None:
        self._life = life
        self._playbooks = [
            (_playbook(one, MATTERS[place]), _playbook(one.later, MATTERS[place], "2") if one.later else None)
            for place, one in enumerate(rules)
        ]
        self._adopted_at: datetime | None = None
        self._rules = self._in_force(-1)
        self._standings: dict[str, Standing] = {}
        self._episodes: dict[str, Episode] = {}
        self._items: dict[str, Item] = {}
        self._names: dict[str, str] = {}
        self._timer: datetime | None = None
        self._turn: datetime | None = None
        self._interruptions: tuple[Interruption, ...] = ()
        self._rev = 0
        self.done: list[Deed] = []

    def adopt(self, minute: int) -> None:
        """Take the playbooks that are new or changed at a minute."""
        at = MONDAY + minute * MINUTE
        self._rules, self._adopted_at, self._turn = self._in_force(minute), at, at + self._life.turn * MINUTE

    def _in_force(self, minute: int) -> Rules:
        current, old = [], []
        for playbook, later in self._playbooks:
            is_there = self._life.adopted.get(playbook.id, -1) <= minute
            if later is not None and is_there:
                old.append(playbook)
                current.append(later)
            elif later is not None or is_there:
                current.append(playbook)
        library = Library(Entry(one, "") for one in current)
        for one in old:
            library.add(one.id, one.version, one)
        return Rules(library, Directory(), lambda title, *_: title)

    def read(self, seen: Seen) -> None:
        """What happened at a minute."""
        at = MONDAY + seen.minute * MINUTE
        values = {name: value for name, value in seen.facts.items() if value is not None}
        values |= {name: (MONDAY + values[name] * MINUTE).isoformat() for name in DATES if name in values}
        causes = [self._cause(seen)]
        if self._life.twice:
            causes.append(Cause(kind="usage", accepted=None if self._life.marked else at))
        for cause in causes:
            self._rev += 1
            vouched = self._life.marked or cause.kind in ("history", "scorecard")
            work = self._work(at if vouched else None)
            told: dict[str, Any] = {"cause": cause, "imports": ["import-1"] if seen.quiet else []}
            if cause.kind == "history" and seen.found:
                told |= {"found_in": "import-1", "act_on_found": seen.found == "act"}
            work.assess(ACCOUNT, an_assessment(self._rev, at, values, **told), {})
            self._save(work)

    def _cause(self, seen: Seen) -> Cause:
        at = MONDAY + seen.minute * MINUTE
        if seen.found:
            return Cause(kind="scorecard" if seen.found == "scorecard" else "history")
        if seen.answer is None:
            return (
                Cause(kind="history") if seen.quiet else Cause(kind="usage", accepted=None if self._life.marked else at)
            )
        data = {"contact_id": seen.answer[0], "score": seen.answer[1]}
        return Cause(
            kind="event", source="s", id=str(seen.minute), type="feedback.nps", time=at, accepted=at, data=data
        )

    def hear(self, minute: int) -> None:
        """A mark at a minute."""
        at = MONDAY + minute * MINUTE
        sources = {"usage": at} if minute in self._life.interrupted else {}
        told = after_mark(self._interruptions, PartitionMark(through=at, interrupted=sources))
        if told is not self._interruptions:
            self._interruptions, self._turn = told, at + self._life.turn * MINUTE

    def run_timers(self, until: datetime) -> None:
        """Every timer that is due by then."""
        while due := [one for one in (self._timer, self._turn) if one is not None and one <= until]:
            at, work = min(due), self._work(None)
            if at == self._turn:
                self._turn = None
                introduce(work, ACCOUNT, at)
            else:
                self._timer = None
                work.time(ACCOUNT, at)
            self._save(work)

    def end(self) -> None:
        """Who still waits for a turn has it."""
        if self._turn is not None:
            self._turn = MONDAY + UNTIL * MINUTE
            self.run_timers(self._turn)

    def look(self, at: datetime) -> None:
        """Look because of a timer, of whatever instant."""
        work = self._work(None)
        work.time(ACCOUNT, at)
        self._save(work)

    def _work(self, marked_through: datetime | None) -> Work:
        known = self._standings.values(), self._episodes.values()
        return Work(self._rules, *known, marked_through, self._interruptions, self._adopted_at)

    def do(self, moved: Moved) -> None:
        """A person's move."""
        at, work = MONDAY + moved.minute * MINUTE, self._work(None)
        heed(work, ACCOUNT)
        self._save(work)
        if self._turn is not None and self._adopted_at is not None:
            # What is new is met first: who moves something would else hide since when it is true.
            self._turn = at
        self.run_timers(at)
        for item in self._items.values():
            if item.state in OPEN and (item.playbook, item.subject) == (moved.rule, moved.contact):
                work = self._work(None)
                work.changes.beside.meet(self._items.values())
                desk.move(work, item, Command(moved.what), "ana", at)
                self._save(work)
                return

    def _save(self, work: Work) -> None:
        settling.close(work, [item for item in self._items.values() if item.state in OPEN])
        settling.carry_out(work, {})
        changes = work.changes
        self._standings |= changes.standings
        self._episodes |= changes.episodes
        self._items |= changes.items
        self._names |= {id: one.playbook for id, one in changes.episodes.items()}
        self._names |= {id: one.playbook for id, one in changes.items.items()}
        for id in changes.retired:
            self._episodes.pop(id, None)
        if (timer := changes.timers.get(ACCOUNT_KEY + ACCOUNT)) is not None:
            self._timer = min(timer, self._timer or timer)
        for ask, playbook, _, visit in work.errands:
            self._note(visit.look.now, playbook.id, playbook.every_step[ask.step].title)
        for move in changes.moves:
            if (what := _of_item(move) if move.subject in self._items else _of_episode(move)) is not None:
                self._note(move.at, self._names[move.subject], what)

    def _note(self, at: datetime, rule: str, what: str) -> None:
        minute, rest = divmod(at - MONDAY, MINUTE)
        assert not rest, "everything here happens on whole minutes"
        self.done.append(Deed(minute, rule, what))


def _of_episode(move: Move) -> str | None:
    """What it tells of that the other evaluator tells, too."""
    match move.before, move.after:
        case ("idle" | "pending" | "found" | "active", "active"):
            return None if move.reason.startswith(("step ", "a task ", "would ask ")) else "fired"
        case (_, "found"):
            return "found"
        case ("active", "over"):
            return "fired ended"
        case ("found", "idle"):
            return "found ended"
        case _:
            return None


def _of_item(move: Move) -> str | None:
    if move.before is None:
        return "task opened" if move.after == "open" else None
    if move.before != move.after:
        return None if move.after == "taken" else f"task {move.after}"
    return "task over" if move.reason.startswith("over: ") else None


def lived(rules: Sequence[Rule], life: Life) -> list[Deed]:
    """What the service does, in order."""
    service, unread = Service(rules, life), {one.minute: one for one in life.history}
    read = 0
    for minute in range(UNTIL + 1):
        if minute in life.outages and minute < UNTIL:
            continue
        at = MONDAY + minute * MINUTE
        if minute in life.adopted.values():
            service.adopt(minute)
        for one in range(read, minute + 1):
            if life.interrupted:
                service.hear(one)
            if one in unread:
                service.read(unread[one])
        read = minute + 1
        if minute in life.early and life.history[0].minute <= minute:
            service.run_timers(at)
            service.look(at)
        service.run_timers(at)
        for move in life.moves:
            if move.minute == minute:
                service.do(move)
    service.end()
    return sorted(service.done)


def _playbook(rule: Rule, matter: str, version: str = "1") -> Playbook:
    steps: list[Step] = []
    _place("task" if rule.asks_people else "alert", rule.steps, steps)
    return Playbook(
        id=rule.name,
        version=version,
        title=rule.name,
        steps=tuple(steps),
        on_exit=(Step(kind="alert", title="exit"),) if rule.on_exit else (),
        for_accounts=_condition(rule.for_accounts),
        when=_condition(rule.when, _OF_EVENTS if rule.on_event else _OF_ACCOUNTS),
        exit_when=_condition(rule.exit_when),
        held_for=_length(rule.held_for),
        repeat=None
        if rule.after is None
        else Repeat(
            after=_length(rule.after),
            at_most=rule.at_most,
            per=_length(rule.per if rule.at_most is not None else 0),
        ),
        on_event="feedback.nps" if rule.on_event else None,
        per="contact" if rule.per_contact else None,
        matter=matter,
        shadow=not rule.asks_people,
    )


def _place(
    asked: str, steps: Sequence[plain_rules.Step], into: list[Step], under: int | None = None, arm: Arm = "then"
) -> None:
    """One behind the other, as playbooks number them."""
    for one in steps:
        kind: Any = asked if one.condition is None else "if" if one.within is None else "until"
        place = len(into)
        into.append(
            Step(
                kind=kind,
                title=one.title,
                after=_length(one.after) if one.after else None,
                keep=one.keep,
                unless=_condition(one.unless, _OF_STEPS),
                condition=_condition(one.condition, _OF_STEPS),
                within=_length(one.within) if one.within is not None else None,
                under=under,
                arm=arm,
            )
        )
        _place(asked, one.then, into, place, "then")
        _place(asked, one.other, into, place, "else")


def _length(minutes: int) -> Duration:
    return Duration(seconds=60 * minutes)


def _condition(asked: Ask | None, scope: Scope = _OF_ACCOUNTS) -> Condition | None:
    return None if asked is None else parse(asked.node, scope)
